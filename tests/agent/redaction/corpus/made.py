"""Plants and ordinary texts that are put together: no scanner finds a key in this file, and every length is here once."""

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from random import Random
from typing import Final
from urllib.parse import quote

from cc_otel.json_values import Json
from tests.agent.redaction.corpus.texts import Plant, plant

_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
ALPHABETS: Final = {
    "x": "0123456789abcdef",
    "X": "0123456789ABCDEF",
    "a": _LOWER + _DIGITS,
    "A": _LOWER.upper() + _DIGITS,
    "w": _LOWER + _LOWER.upper() + _DIGITS,
    "_": _LOWER + _LOWER.upper() + _DIGITS + "_-",
    "/": _LOWER + _LOWER.upper() + _DIGITS + "+/",
    "d": _DIGITS,
}

# A vendor's key: what it begins with, and how many signs of which alphabet follow, as often as needed.
VENDORS: Final = """
sk-ant-api03- _93|sk-ant-admin01- _93|sk-ant-oat01- _93|sk-proj- _124|sk-svcacct- _124|sk- w48|sk-or-v1- x64|gsk_ w52
xai- w80|pplx- w48|r8_ w37|nvapi- _64|tvly-dev- w32|lsv2_pt_ x32 _ x10|hf_ w34|ghp_ w36|gho_ w36|ghs_ w36|ghr_ w76
github_pat_ w22 _ w59|glpat- _20|glrt- _20|gldt- _20|glptt- x40|glcbt-1a_ _20|xoxb- d12 - d12 - w24|xoxp- d12 - d12 - d12 - x32
xoxc- d12 - x64|xoxe.xoxp-1- w160|xoxd- w60|xapp-1- A10 - d12 - x64|sk_live_ w24|rk_live_ w24|whsec_ w32|AKIA A16|ASIA A16
npm_ w36|pypi-AgEIcHlwaS5vcmc _80|dckr_pat_ _27|dckr_oat_ _27|dapi x32|dop_v1_ x64|doo_v1_ x64|hvs. _90|hvb. _120|s. w24
tskey-auth-k w10 - w32|tskey-api-k w10 - w32|HRKU-AA _58|fm2_ /120|EAAA _60|shpat_ x32|shpss_ x32|lin_api_ w40|ntn_ w46
secret_ w43|PMAK- x24 - x34|NRAK- A27|NRII- _32|sntrys_ /100|sntryu_ x64|glsa_ w32 _ x8|glc_ /60|sbp_ x40|sb_secret_ _31
figd_ _40|ATATT3xFfGF0 _180|ATCTT3xFfGN0 _180|ATBB w32|pscale_tkn_ _43|pscale_pw_ _43|rubygems_ x48|pat w14 . x64
xkeysib- x64 - w16|xsmtpsib- x64 - w16|key- x32|AGE-SECRET-KEY-1 A58|SG. _22 . _43|vcp_ w56|vercel_blob_rw_ w16 _ w32
nfp_ w36|cfut_ w40|cfat_ w40|v1.0- x24 - x146|rnd_ w32|napi_ a64|npg_ w14|re_ w8 _ w24|phx_ w43|phs_ w43|tgp_v1_ _43
fw_ w24|csk- a48|sk_ x48|pcsk_ w6 _ w62|fc- x32|e2b_ x40|ak- w22|as- w22|jina_ x32 w27|pa- _43|sk- x32|wandb_v1_ w77
BSA _27|apify_api_ w36|rpa_ A36|crsr_ x64|key_ x64|sgp_ x16 _ x40|m0- w40|bb_live_ w27|esecret_ w30|sl.u. _140|2/ d16 / d16 : x32
CFPAT- _43|dt0c01. A24 . A64|essu_ /76|hcaik_ a58|xaat- x8 - x4 - x4 - x4 - x12|bkua_ x40|CCIPAT_ w22 _ x40|sqp_ x40|squ_ x40
snyk_uat. x8 . _60|oy2 a43|cio w32|cmVmdGtuO w55|pul- x40|ico- w32|ops_eyJ w120|A3- A6 - A6 - A5 - A5 - A5 - A5|EAA w160
IGQV w120|AAAAAAAAAAAAAAAAAAAAA w70|WPL_AP1. w16|pat-na1- x8 - x4 - x4 - x4 - x12|tfp_ w44 _ w14|fio-u- _64|EZAK w54|EZTK w54
shippo_live_ x40|FLWSECK-X x32 -X|access_token$production$ a16 $ x32|A21AA _90|mlsn. x64|os_v2_app_ a103|secret-live- _35 =
signkey-prod- x64|pnu_ w36|LTAI w20|AKID w32|AQVN _36|y0_ _55|SCW A17|tk-us- _48|sha256~ _43|0. x8 - x4 - x4 - x4 - x12 . w30 : /24
AAAA _7 :APA91b _134|sess- w40|polar_oat_ w43|pdl_live_apikey_ a26 _ w22 _ w3|rzp_live_ w14|ABSK /64|4b1d w38|00 _40|rdme_ a70
sm_pat_ w16|LS0tLS1CRUdJTi w120|AIza _35|GOCSPX- _28|ya29. _100|1//0 _60|sk-lf- x8 - x4 - x4 - x4 - x12|lovable_live_ w32
acme_prod_ w36|zeta_pat_ w40|nova-sk- w40|tr_dev_ w24|dtn_ x64|tok_live_ w32|ppl_secret_ w32|inf_sa_ w40|qx_token_ w40
"""

NAMES: Final = (
    "DB_PASSWORD API_TOKEN STRIPE_SECRET GITHUB_PAT SMTP_PASS OPENAI_API_KEY dbPassword apiToken client_secret "
    "access_token api-key TOKEN_GITLAB REGISTRY_AUTH private_key refreshToken passphrase"
).split()
NOTATIONS: Final = (
    '{n}={v}¦export {n}={v}¦{n}: {v}¦{n}: \'{v}\'¦{n} = "{v}"¦"{n}": "{v}",¦\'{n}\' => \'{v}\',¦{n}:"{v}"¦-D{n}={v}¦--set {n}={v}'
    "¦os.environ['{n}'] = '{v}'¦os.environ.setdefault(\"{n}\", \"{v}\")¦$env:{n} = '{v}'¦set -gx {n} {v}¦setx {n} {v}¦ENV {n} {v}"
    '¦ENV {n}={v}¦setenv {n} {v}¦- name: {n}⏎  value: {v}¦- name: {n}⏎  value: "{v}"¦<add key="{n}" value="{v}"/>'
    "¦<{n}>{v}</{n}>¦define('{n}', '{v}');¦process.env.{n} ?? \"{v}\"¦process.env.{n} || '{v}'¦{n} ?= {v}¦{n} := {v}"
    '¦     7→{n}={v}¦+{n}={v}¦-{n}={v}¦    "{n}": "{v}"¦x.py:3:{n} = "{v}"¦{n}={v} ./run¦docker run -e {n}={v} x'
    '¦\\"{n}\\":\\"{v}\\"¦&quot;{n}&quot;:&quot;{v}&quot;¦?{n}={v}&x=1¦export {n}="{v}"; ls¦echo {n}={v} >> .env'
    '¦- {n}={v}¦{{ name = "{n}", value = "{v}" }}¦<entry key="{n}">{v}</entry>¦SET {n}={v}¦readonly {n}=\'{v}\'¦{n} {v}'
    '¦gh secret set {n} --body {v}¦fly secrets set {n}={v}¦| {n} | {v} |¦props.put("{n}", "{v}")¦%env {n}={v}¦{n}␛[0m=␛[33m{v}␛[0m'
).split("¦")

LANGUAGES: Final = (
    "Passwort|Kennwort|mot de passe|Mot de passe|contraseña|Contraseña|contrasenya|senha|palavra-passe|password|wachtwoord|hasło"
    "|heslo|jelszó|parola|şifre|lösenord|passord|adgangskode|salasana|parool|slaptažodis|geslo|lozinka|пароль|Пароль|парола|κωδικός"
    "|סיסמה|पासवर्ड|รหัสผ่าน|密码|密碼|パスワード|비밀번호|암호|mật khẩu|kata sandi|كلمة المرور|Geheimnis|secreto|segreto|segredo"
    "|секрет|秘密|シークレット|密钥|金鑰|токен|令牌|トークン|토큰|jeton|clé API|clave|chiave API|chave|API-Schlüssel"
).split("|")
FOREIGN_NOTATIONS: Final = ("{n}: {v}", '"{n}": "{v}"', "{n} = '{v}'", "{n}：{v}", "{n} : {v}", "db_{n}={v}")


def _run(random: Random, count: int, alphabet: str) -> str:
    run = "".join(random.choices(ALPHABETS[alphabet], k=count))
    # Of a run without a digit nobody could tell; a real one of this length has some.
    return run if count < 8 else run[:3] + "7" + run[4:-2] + "4" + run[-1]


def vendor_keys() -> Iterator[str]:
    """Yield a key of each vendor, the same ones each time."""
    random = Random(2026)
    for row in VENDORS.replace("\n", "|").strip("|").split("|"):
        parts = row.split(" ")
        yield parts[0] + "".join(
            _run(random, int(part[1:]), part[0]) if part[0] in ALPHABETS and part[1:].isdigit() else part
            for part in parts[1:]
        )


def _value(number: int) -> str:
    """Return something that a person may have typed, and one of a generator in turn."""
    digest = sha256(str(number).encode()).hexdigest()
    return (
        f"{digest[:5]}Kx{digest[5:9]}9",
        digest[:20],
        f"Tr{digest[:4]}mb0ne!7",
        b64encode(digest[:12].encode()).decode(),
    )[number % 4]


def key_displays() -> Iterator[tuple[str, str]]:
    """Yield a private key as tools show it, each with what it is shown by; lines of base64 tell whether it is left."""
    random = Random(7)
    body = [
        ("MIIEpAIBAAKCAQEA" if not n else "") + "".join(random.choices(ALPHABETS["/"], k=64 if n else 48))
        for n in range(6)
    ]
    body.append("".join(random.choices(ALPHABETS["w"], k=22)) + "==")
    pem = ["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"]
    lines = {
        "plain": "{l}", "cat -n": "     {n}\t{l}", "read": "     {n}→{l}", "cat -A": "{l}$", "cat -A crlf": "{l}^M$", "diff +": "+{l}",
        "diff -": "-{l}", "quote": "> {l}", "hash": "# {l}", "slashes": "// {l}", "star": " * {l}", "dashes": "-- {l}", "rem": "REM {l}",
        "grep": "key.pem:{n}:{l}", "grep -C": "key.pem-{n}-{l}", "blame": "^a1b2c3d4 (Bob Example 2026-01-02 10:00:00 +0000 {n}) {l}",
        "blame 2": "a1b2c3d4e (Bob 2026-01-02 10:00:00 +0000  {n}) {l}", "bat": "   {n}   │ {l}", "bat plain": "{n} {l}", "brackets": "[{n}] {l}",
        "colour": "\x1b[38;5;231m{l}\x1b[0m", "bat colour": "\x1b[38;5;238m{n}\x1b[0m \x1b[38;5;231m{l}\x1b[0m", "log": "2026-01-02T10:00:00Z app-1 | {l}",
        "compose": "web-1  | {l}", "kubectl": "[pod/a-1/app] {l}", "yaml": "    {l}", "xml": "<line>{l}</line>", "python": '    "{l}\\n"', "js": "'{l}\\n' +",
        "go": '"{l}\\n" +', "table": "| {l} |", "box": "│ {l} │", "nl": "{n}. {l}", "less": "~ {l}", "tabs": "\t\t{l}", "semicolon": "; {l}", "sed": "{n}\n{l}",
        "markdown": "- `{l}`", "csv": '"{l}",', "heredoc": "{l}\\", "xxd": "{l}  |....|", "time": "[10:00:00.{n}] {l}", "jq": '  "{l}",', "erb": "<%= {l} %>",
    }  # fmt: skip
    for name, form in lines.items():
        yield name, "\n".join(form.format(n=n, l=line) for n, line in enumerate(pem, 1))
    text = "\n".join(pem)
    yield "escaped", text.replace("\n", "\\n")
    yield "escaped twice", text.replace("\n", "\\\\n")
    yield "crlf", text.replace("\n", "\r\n")
    yield "one line", text.replace("\n", " ")
    yield "url", quote(text, safe="")
    yield "url plus", quote(text, safe="/").replace("%20", "+")
    yield "%0A", text.replace("\n", "%0A")
    yield "json", json.dumps({"key": text})
    yield "json in json", json.dumps({"a": json.dumps({"key": text})})
    yield "json text", 'log {"a": 1, "key": "' + text.replace("\n", "\\n") + '"'
    yield "html", text.replace("\n", "<br>\n")
    yield "base64", b64encode(text.encode()).decode()
    yield "base64 lines", "\n".join(b64encode(text.encode()).decode()[n : n + 76] for n in range(0, 500, 76))
    yield "head", "\n".join(pem[:4])
    yield "tail", "\n".join(pem[3:])
    yield "tail numbered", "\n".join(f"{n}→{line}" for n, line in enumerate(pem[3:], 3))
    yield "head numbered", "\n".join(f"{n}→{line}" for n, line in enumerate(pem[:4], 1))
    yield "no first line", "\n".join(pem[1:4])
    yield "echo", f'echo "{text}" > key.pem'
    yield "openssh", text.replace("RSA", "OPENSSH").replace("MIIEpAIBAAKCAQEA", "b3BlbnNzaC1rZXktdjEAAAAA")
    yield "openssh body", "\n".join(pem[1:3]).replace("MIIEpAIBAAKCAQEA", "b3BlbnNzaC1rZXktdjEAAAAA")
    yield "encrypted", text.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123\n\n", 1)
    yield "comment inside", text.replace("\n", "  // a line of the key, do not touch\n")
    yield "pgp", text.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK")


def made_plants() -> Iterator[Plant]:
    """Yield all plants that are put together."""
    contexts = ("{}", "key is {}", 'x("{}")', "a={} b", "{}, ok", "'{}'", "- {}", "url/{}", "\t{}\n", '{{"k": "{}"}}')
    for number, key in enumerate(vendor_keys()):
        context = contexts[number % len(contexts)] if "/" not in key else "{}"
        yield Plant("vendors", context.format(key), (key,))
    for number, notation in enumerate(NOTATIONS * 4):
        name, value = NAMES[(number * 5 + number // len(NOTATIONS)) % len(NAMES)], _value(number)
        if name == "REGISTRY_AUTH":
            value = b64encode(f"bob:{value}".encode()).decode()
        yield plant("notations", notation.format(n=name, v=f"⟦{value}⟧"))
    for number, name in enumerate(LANGUAGES):
        written = name.replace(" ", "_") if number % 6 == 5 else name
        yield plant("languages", FOREIGN_NOTATIONS[number % 6].format(n=written, v=f"⟦{_value(number)}⟧"))
    for name, text in key_displays():
        yield Plant(f"private key, {name}", text, _body_of(text))
        lines: list[Json] = [*text.split("\n")]
        if len(lines) > 3 and "no first" not in name:
            yield Plant(
                "private key in a patch",
                {"structuredPatch": [{"lines": [f"+{line}" for line in lines]}]},
                _body_of(text),
            )


def _body_of(text: str) -> tuple[str, ...]:
    """Return a piece of each line of base64: none of them may be left."""
    random = Random(7)
    bodies = ["".join(random.choices(ALPHABETS["/"], k=64 if n else 48)) for n in range(6)]
    pieces = [body[20:34] for body in bodies if body[20:34] in text]
    return tuple(pieces) or (text[30:50],)


def made_ordinary() -> Iterator[Plant]:
    """Yield ordinary texts that are put together: hashes, ids, lock files, encodings, in places that invite a mistake."""
    random = Random(11)
    hexa = [_run(random, size, "x") for size in (7, 8, 12, 16, 32, 40, 64, 128)]
    for digest in hexa:
        yield Plant("hashes", f"commit {digest}")
        yield Plant("hashes", f"sha {digest}  file.txt")
        yield Plant("hashes", {"sha": digest, "etag": digest, "digest": f"sha256:{digest}"})
    for number in range(6):
        blob = b64encode(random.randbytes(60 * (number + 1))).decode()
        yield Plant("encodings", f"data:image/png;base64,{blob}")
        yield Plant("encodings", f'"integrity": "sha512-{blob}"')
        yield Plant("encodings", {"type": "image", "source": {"type": "base64", "data": blob}})
        pem = f"-----BEGIN CERTIFICATE-----\n{blob}\n-----END CERTIFICATE-----"
        yield Plant("encodings", pem)
        yield Plant("encodings", {"structuredPatch": [{"lines": [f"+{line}" for line in pem.split("\n")]}]})
    keys = "CACHE PARTITION IDEMPOTENCY SORT ROUTING LOOKUP DEDUP SHARD".split()
    yield from (Plant("keys", f"{key}_KEY={_value(number)}") for number, key in enumerate(keys))
