"""
Names of secrets: ``password``, ``X_TOKEN``, ``apiKey``, ``contraseña``, and of which kind.

The tables are what a new word is added to. Everything is bytes: a name is looked for in UTF-8, letter by letter.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Final

from cc_otel.agent.redaction.linear import Searcher, compiled

_PASSWORDS: Final = (
    rb"passw(?:or)?ds?|pass[ _-]?phrases?|pass[_-]?codes?|pwds?"
    rb"|(?:db|user|smtp|mail|ftp|mysql|pg|redis|root|admin|login|http|proxy|ssh|sudo|become|store|key|sftp|bind|vnc)"
    rb"[_-]?(?:pass|pw)|\b(?:pass|pw|psk)|_(?:pw|pass|psk)"
)
_SECRETS: Final = rb"secrets?|mnemonics?|seed[ _-]?phrases?|(?:otp|totp|mfa)[_-]?seeds?"
_TOKENS: Final = rb"token|jwt|code[_-]verifier|_pat|\bpat|auth[_-]?salt"
_KEYS: Final = (
    rb"(?:api|app|access|secret|private|signing|encryption|master|account|auth|service|shared|preshared|subscription"
    rb"|project|logged_in|nonce)[ _-]?(?:access[ _-]?)?keys?|aws[a-z0-9_.-]{0,20}key"
)
_OTHERS: Final = rb"credentials?|creds|authorization|cookies?|\b_auth|(?:basic|http|registry|proxy)[_-]?auth|connection[ _-]?strings?"

# Words of other languages, as they are typed: those that mean something else within a longer word begin one.
_FOREIGN: Final = {
    "password": (
        "passwort passwörter kennwort mot_de_passe mot-de-passe motdepasse \\bmdp contraseña contrasena contrasenya "
        "senha palavra-passe palavra_passe wachtwoord hasło haslo heslo jelszó jelszo parola şifre \\bsifre "
        "lösenord losenord passord adgangskode kodeord salasana parool slaptažodis geslo lozinka zaporka pasahitza "
        "пароль парола лозинка κωδικός κωδικος סיסמה סיסמא पासवर्ड รหัสผ่าน 密码 密碼 口令 パスワード 暗証番号 비밀번호 "
        "암호 matkhau mật_khẩu mat_khau kata_sandi katasandi \\bsandi kata_laluan كلمة_المرور كلمة_السر "
        "گذرواژه رمز_عبور"
    ),
    "secret": (
        "geheimnis \\bgeheim secreto segreto segredo \\bsekret секрет таємниця 秘密 シークレット 비밀키 密钥 密鑰 金鑰 秘钥 "
        "秘密鍵 clave_secreta chave_secreta chiave_segreta clé_secrète cle_secrete geheimschlüssel geheimer_schlüssel"
    ),
    "token": "\\bjeton токен 令牌 權杖 トークン 토큰 رمز_مميز टोकन โทเค็น",
    "api-key": (
        "clé_api cle_api clé_d'api clave_api clave_de_api \\bclave chave_api chave_de_api \\bchave chiave_api \\bchiave "
        "api-schlüssel api-schluessel api_schlüssel schlüssel schluessel \\bllave api-sleutel \\bsleutel \\bklucz "
        "api密钥 apiキー ключ_api api-ключ 钥匙 api_키 api키"
    ),
}

_SUFFIX: Final = rb"(?:[_-]?(?:[0-9]{1,2}|value|base|production|prod|staging|dev|test|live|old|new))?"
_TAIL: Final = rb"(?:(?:[_-][A-Za-z0-9]+)+|(?:[A-Z][a-z0-9]+)+)?"
"""What may follow the telling word in a name: ``TOKEN_GITHUB``. It takes more of the value to be a secret then."""

_NEUTRAL: Final = frozenset(
    # What describes a secret, or names, counts, limits and finds one.
    "id ids uid name names type types kind class mode alg algo algorithm format version scheme label title text hint "
    "help placeholder description message error errors policy rule rules regex re pattern prefix suffix charset "
    "count counts limit limits length len min max size bytes bits chars usage used budget rate price cost window total "
    "number num level index idx pos position start end offset line column "
    "ttl exp expiry expires expire expiration in at age lifetime timeout interval date time timestamp ms sec seconds "
    "minutes hours days s ns created updated changed rotated rotation valid validity issued "
    "url uri urls uris endpoint path paths file files dir folder host hostname port region zone domain bucket store "
    "server service provider manager vault arn ref refs reference header headers param params arg env var variable "
    "field fields input output element view page link button form component handler helper util utils generator "
    "validator parser lexer stream source list map set table model middleware filter factory builder interface cache "
    "enabled disabled required optional reset strength confirm confirmation confirmed visible secure samesite "
    "httponly stdin status state role roles scope scopes audience issuer usages owner group user users username email "
    "hasher hashers hashing count_max plus minus ident plural case style color width height family".split()
)
_NO_KEYS: Final = re.compile(
    r"(?:cache|partition|idempotency|sort|primary|foreign|public|publishable|publish|pub|lookup|object|s3|row|group"
    r"|dedup|dedupe|deduplication|index|composite|unique|routing|host|hash|shard|range|translation|i18n|locale"
    r"|registry|bucket|event|message|metric|label|map|dict|redis|memcache|entity|record|column|field|attribute"
    r"|setting|config|option|feature|flag|item|list|set|tag|sitekey|site|hot|arrow|shortcut|menu"
    r"|enter|escape|home|function|media|plan|price|product|category|filter|query|search|parent|child|sub|join"
    r"|anon|widget|client[_-]?side)[_-]?keys?\Z"
)
"""Keys that open nothing: they find, sort or lock."""

_NAMES_OF_SECRETS: Final = re.compile(
    r"(?:existing[_-]?|pull[_-]?|external[_-]?|(?:\A|[_.-])(?:ref|use|create|has|is|with|no)[_-]?)"
    r"(?:auth[_-]?)?(?:secrets?|passwords?|tokens?|credentials?|cookies?)\Z"
)
"""Names that hold the name of a secret, or whether there is one."""


def _foreign(kind: str) -> bytes:
    """Return one expression for all words of a kind: as written, with a capital, all capital; blanks for ``_``."""
    spellings: list[bytes] = []
    for word in _FOREIGN[kind].split():
        bare = word.removeprefix("\\b")
        start = rb"(?:\b|_)" if bare != word else b""
        # RE2 knows the capitals of ASCII only.
        for spelling in [bare] if bare.isascii() else dict.fromkeys((bare, bare.capitalize(), bare.upper())):
            spellings.append(start + re.escape(spelling.encode()).replace(b"_", rb"[ _-]?").replace(rb"\-", b"-"))
    return b"|".join(spellings)


_FOREIGN_WORDS: Final = rb"(?i:" + b"|".join(_foreign(kind) for kind in _FOREIGN) + rb")"
NAME_END: Final = (
    rb"(?:(?i:(?:" + b"|".join((_PASSWORDS, _SECRETS, _TOKENS, _KEYS, _OTHERS)) + rb")" + _SUFFIX + rb")"
    rb"|[A-Z0-9]_(?:KEY|PASS|PAT|AUTH|PSK|SALT)|\b(?:PASS|KEY_API)|(?:" + _FOREIGN_WORDS + rb"))"
)
"""The telling part of a name. Counts, ``max_tokens`` and the like, and ids are called otherwise."""

NAME: Final = NAME_END + _TAIL
"""From the telling part of a name to the name's end."""

NAME_CHARACTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

PREFIX_BYTES: Final = 64
"""How much of a name before its telling part is read."""


@dataclass(frozen=True, slots=True)
class Name:
    """
    What a telling name promises: the kind of secret, and whether hardly anything else is called so (``strong``).

    ``last``: the telling word ends the name. ``foreign``: it is of another language, where it may be a plain word.
    ``plural``: what stands below it, under whatever name, is one each.
    """

    kind: str
    strong: bool = False
    last: bool = True
    foreign: bool = False
    plural: bool = False


_KINDS: Final = (
    (re.compile(r"(?:passw(?:or)?ds?|passphrases?|passcodes?|pwds?|pass|pw|psk)\Z"), Name("password", strong=True)),
    (re.compile(r"authorization\Z"), Name("authorization")),
    (re.compile(r"cookies?\Z"), Name("cookie")),
    (re.compile(r"(?:secrets?|mnemonics?|seedphrases?|seeds?)\Z"), Name("secret", strong=True)),
    (re.compile(r"secret(?:access)?keys?\Z"), Name("secret-key", strong=True)),
    (re.compile(r"(?:private|preshared)keys?\Z"), Name("private-key", strong=True)),
    (re.compile(r"apikeys?\Z"), Name("api-key")),
    (re.compile(r"(?:token|jwt|pat)\Z"), Name("token")),
    (re.compile(r"(?:access|account|auth|shared)keys?\Z"), Name("access-key")),
    (re.compile(r"keys?\Z"), Name("key")),
)
_OTHER: Final = Name("credential")
KINDS: Final = frozenset({_OTHER.kind, *_FOREIGN, *(name.kind for _, name in _KINDS)})
"""The kinds that names can promise."""

_SEPARATORS: Final = re.compile(r"[^a-z0-9]")
_SUFFIXES: Final = re.compile(r"(?:[0-9]{1,2}|value|base|production|prod|staging|dev|test|live|old|new)\Z")
_PLURAL: Final = re.compile(r"(?:passwords|passwds|secrets|credentials|creds|keys|cookies|passphrases)\Z")
_LAST_PART: Final = re.compile(rb"(?:[_-]([A-Za-z0-9]+)|([A-Z][a-z0-9]+))\Z")
_FOREIGN_END: Final = {kind: re.compile(rb"(?i:" + _foreign(kind) + rb")") for kind in _FOREIGN}
_WHOLE: Final = re.compile(rb"(" + NAME_END + rb")(" + _TAIL + rb")\Z")
_END_ONLY: Final = re.compile(NAME_END + rb"\Z")


@lru_cache(maxsize=4096)
def telling(name: str) -> Name | None:
    """Return what a name promises: of a key of an object, a variable, an option, a header; None where nothing."""
    end = name.encode("utf-8", "replace")[-PREFIX_BYTES:]
    # RE2 looks first: it is faster, and nothing it misses may be one.
    if _searcher().search(end) is None:
        return None
    return promise(end)


@lru_cache(maxsize=4096)
def promise(name: bytes) -> Name | None:
    """Return what a name promises that ends with a telling part, or with one and more words."""
    if len(name) > 2 * PREFIX_BYTES:
        return None
    if _END_ONLY.search(name) is not None:
        return _of(name)
    # From the left: the telling word nearest to the name's end decides.
    found = None
    for start in range(len(name)):
        if (whole := _WHOLE.match(name, start)) is not None:
            found = whole
    if found is None or not found[2]:
        return None
    last = _LAST_PART.search(found[2])
    if last is None or (last[1] or last[2]).lower().decode() in _NEUTRAL:
        return None
    known = _of(name[: found.end(1)])
    return replace(known, last=False, plural=False) if known else None


def _of(name: bytes) -> Name | None:
    """Return what a name promises whose telling part is its end."""
    text = name.decode("utf-8", "replace").lower()
    if _NO_KEYS.search(text) or _NAMES_OF_SECRETS.search(text):
        return None
    if text == "pass":
        # A word of other things, too: tests that pass, what only passes through.
        return Name("password", strong=True, last=False)
    bare = _SUFFIXES.sub("", _SEPARATORS.sub("", text))
    for ending, name_ in _KINDS:
        if ending.search(bare):
            return replace(name_, plural=_PLURAL.search(bare) is not None)
    for kind, words in _FOREIGN_END.items():
        if words.search(name):
            return Name(kind, strong=kind in {"password", "secret"}, foreign=True)
    return replace(_OTHER, plural=_PLURAL.search(bare) is not None)


@cache
def _searcher() -> Searcher:
    return compiled(NAME)
