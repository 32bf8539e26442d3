"""
Secrets that show by where they stand: in an address, behind a scheme, as what a command takes for a password.

One row a place. What a command is given goes as far as its quotes, or its word, go.
"""

import re
from typing import Final

from cc_otel.agent.redaction.headers import are_sessions
from cc_otel.agent.redaction.patterns import (
    Accept,
    Pattern,
    is_literal,
    is_login,
    is_no_port,
    is_password_of_user,
    is_random,
)
from cc_otel.agent.redaction.values import has_digit, is_meant, is_placeholder, looks_random

_IN_QUERY: Final = rb"sig|signature|key|code|auth|x-amz-(?:signature|security-token)|x-goog-signature"
# People do not escape what they should, so a password goes up to the last @, though never over another address' "://".
_IN_URL: Final = rb"[^\s/?#@:\"'`<>]"
_QUOTE: Final = rb"(?:\\{0,4}[\"'])?"
_COMMAND: Final = rb"\b[^\n|;&]*?[ \t]"
_ARGUMENT: Final = rb"(\\{0,4}\"[^\"\\\n]+\\{0,4}\"|'[^'\n]+'|[^\s\"'\\|;&<>]+)"
_ECHO: Final = (
    rb"\b(?:echo|printf)[ \t]+(?:-[a-zA-Z]+[ \t]+)?(?:[\"']%s(?:\\n)?[\"'][ \t]+)?"
    rb"(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"'|;&]+)"
)
_SUDO: Final = rb"(?:sudo[ \t]+)?(?:-[a-z]+[ \t]+)*"
_CONFIG: Final = (
    rb"(?:[ \t]+(?:-\S+|set))*[ \t]+\S*(?i:token|password|passwd|secret|_auth|secret_access_key|api-?key)\S{0,20}[ \t]+"
)
_WORD: Final = re.compile(rb"[a-z]+(?:[._-][a-z]+)*\Z|[A-Z_]+\Z|-|[0-9]{1,5}\Z")


def is_command_argument(text: bytes, start: int, end: int) -> bool:
    """Whether what a command is given is the secret itself: no variable, no path, no other option."""
    value = text[start : min(end, start + 256)]
    return len(value) >= 3 and value[:1] not in b"-$[(<" and is_meant(value)


def is_random_argument(text: bytes, start: int, end: int) -> bool:
    """Whether it is one that nobody would think of, too: the command takes other words there."""
    return is_command_argument(text, start, end) and looks_random(text[start : min(end, start + 256)])


def is_no_word(text: bytes, start: int, end: int) -> bool:
    """Whether it is not just a word or a small number, as settings are."""
    return is_command_argument(text, start, end) and _WORD.match(text[start:end]) is None


def is_random_or_signed(text: bytes, start: int, end: int) -> bool:
    """Whether there is something in it that no word or path has."""
    value = text[start : min(end, start + 256)]
    return not is_placeholder(value) and (looks_random(value) or has_digit(value)) and value.count(b"/") == 0


def is_password_literal(text: bytes, start: int, end: int) -> bool:
    """Whether it is one word that means itself."""
    value = text[start:end]
    return is_meant(value) and not re.search(rb"\s", value)


def is_odd_literal(text: bytes, start: int, end: int) -> bool:
    """Whether a literal among arguments has letters of both cases and more, or nobody would think of it."""
    value = text[start : min(end, start + 256)]
    is_odd = has_digit(value) and len(value) >= 6 and not value.islower() and not value.isupper()
    return is_meant(value) and (is_odd or looks_random(value))


def is_session(text: bytes, start: int, end: int) -> bool:
    """Whether one of these cookies is a session's."""
    return are_sessions(text[start : min(end, start + 4096)])


def is_no_path(text: bytes, start: int, end: int) -> bool:
    """Whether it means itself, and is no file."""
    value = text[start:end]
    return is_meant(value) and b"/" not in value and b"." not in value


def _command(kind: str, regex: bytes, accept: Accept = is_command_argument) -> Pattern:
    return Pattern(kind, regex, 1, accept)


IN_CONTEXT: Final = (
    Pattern("bearer-token", rb"\b(?i:bearer)[ \t]+([A-Za-z0-9._~+/-]{12,}={0,2})", 1, is_random),
    Pattern("basic-auth", rb"\b(?i:basic)[ \t]+([A-Za-z0-9+/]{6,}={0,2})", 1, is_login),
    # How Docker keeps the logins to its registries.
    Pattern(
        "basic-auth",
        _QUOTE + rb"auth" + _QUOTE + rb"\s{0,8}:\s{0,8}" + _QUOTE + rb"([A-Za-z0-9+/]{6,}={0,2})",
        1,
        is_login,
    ),
    Pattern(
        "url-password",
        rb"://[^\s/?#:@\[\"'`<>]*:([^\s/?#@\"'`<>]+(?:(?:[/?#@]|:" + _IN_URL + rb")" + _IN_URL + rb"*){0,8})@",
        1,
        is_no_port,
    ),
    Pattern("url-token", rb"://([A-Za-z0-9_-]{20,})@", 1, is_random),
    Pattern("url-token", rb"[?&](?i:" + _IN_QUERY + rb")=([^\s&#\"'`<>\\]{16,})", 1, is_random),
    Pattern("azure-key", rb"\b(?i:account|sharedaccess)(?i:key)=([A-Za-z0-9+/]{20,}={0,2})", 1),
    Pattern("aws-secret-key", rb"\[redacted:aws-key-id\][\s,:;|\"']{1,8}([A-Za-z0-9/+]{40})\b", 1),
    Pattern("aws-secret-key", rb"(?i:secret_?access_?key)[\s\"':=|]{1,8}([A-Za-z0-9/+]{40})\b", 1),
    Pattern(
        "password",
        rb"(?m:^|[\s\"'`;|&(,])(?:-u|--user|--proxy-user)(?:[ \t]+|=)?"
        + _QUOTE
        + rb"[^\s:\"'$<{\\-][^\s:\"']*:([^\s\"'\\]+)",
        1,
        is_password_of_user,
    ),
    Pattern("password", rb"\b(?i:identified[ \t]+by|password)[ \t]+'([^'\n]+)'", 1, is_literal),
    Pattern("password", rb"-pass(?:in|out)?[ \t]+" + _QUOTE + rb"pass:([^\s\"'\\]+)", 1, is_literal),
    Pattern("password", rb"\bmachine\s+\S+\s+login\s+\S+\s+(?:account\s+\S+\s+)?password\s+(\S+)", 1, is_literal),
    Pattern(
        "password",
        rb"(?i:\bidentified[ \t][^'\n;]*?\bby|\bpassword)[ \t]*[ \t(=][ \t]*N?'([^'\n]+)'",
        1,
        is_password_literal,
    ),
    # ~/.pgpass: host:port:database:user:password.
    Pattern(
        "password",
        rb"(?m:^|[ \t\"'>+-]|\xe2\x86\x92)(?:[A-Za-z0-9._-]+|\*):(?:[0-9]{4,5}|\*):[A-Za-z0-9_*-]+:[A-Za-z0-9_*@.-]+:([^\s\"':]{4,})",
        1,
        is_random_or_signed,
    ),
    # What is there of a key as JSON web keys have it (RFC 7518, section 6).
    Pattern("private-key", rb"\"(?:d|k|dp|dq|qi)\"\s{0,4}:\s{0,4}\"([A-Za-z0-9_-]{40,})\"", 1),
    Pattern(
        "password", rb"\bassword:\\?[\"'][;, \t]*(?:send|exp_send)[ \t]+[\"']([^\"'\\\n]+)", 1, is_command_argument
    ),
    Pattern(
        "password",
        rb"\bauth[ \t]*=[ \t]*(?:[A-Za-z_.]*Auth)?\([ \t]*[\"'][^\"'\n]*[\"'],[ \t]*[\"']([^\"'\n]+)[\"']",
        1,
        is_literal,
    ),
    Pattern("password", rb"\bConvertTo-SecureString[ \t]+(?:-String[ \t]+)?" + _ARGUMENT, 1, is_command_argument),
    Pattern(
        "token",
        rb"SetEnvironmentVariable\([\"'][A-Za-z0-9_]*(?i:token|key|secret|pass|pwd)[A-Za-z0-9_]*[\"'],[ \t]*[\"']([^\"'\n]+)",
        1,
        is_literal,
    ),
    Pattern(
        "token",
        rb"(?m:^|[\t \"'])(?:-H|--header)[ \t=]*[\"']?(?i:private-token|x-vault-token|api-key|x-apikey|apikey)[ \t]*:[ \t]*([^\s\"']{6,})",
        1,
        is_literal,
    ),
)
"""Secrets that are known by what stands right before them."""

COMMANDS: Final = (
    _command("password", rb"\b(?:mysql|mariadb)[a-z]*" + _COMMAND + rb"-p" + _ARGUMENT),
    _command("password", rb"\bsshpass[ \t]+-p[ \t]*" + _ARGUMENT),
    _command("password", rb"\bredis-cli" + _COMMAND + rb"-a[ \t]+" + _ARGUMENT),
    _command("password", rb"\blogin" + _COMMAND + rb"-p[ \t=]*" + _ARGUMENT),
    _command("password", rb"\btwine" + _COMMAND + rb"-p[ \t=]*" + _ARGUMENT),
    # connect("host", "user", "password"): a literal behind another argument of what logs in.
    _command(
        "password",
        rb"\b(?i:login|logon|auth|authenticate|connect|getconnection|pdo|networkcredential|mysqli(?:_connect)?|basicauth|sign_?in)(?:[\]]?::new)?\([^()\n]*?,[ \t]*[\"']([^\"'\s/:.@]*[0-9!#%^&*][^\"'\s/:.@]*)[\"'][ \t]*[,)]",
        accept=is_odd_literal,
    ),
    _command("password", rb"\b(?:kinit|cryptsetup|su|smbpasswd|gpg)\b[^\n|;&]*?<<<[ \t]*" + _ARGUMENT),
    _command("password", rb"\brclone[ \t]+obscure[ \t]+" + _ARGUMENT),
    _command("password", rb"(?i)\bACL[ \t]+SETUSER\b[^\n]*?[ \t]>([^\s\"']+)"),
    _command("password", rb"(?i)\bnet[ \t]+use[ \t]+(?:[A-Z*]:?[ \t]+)?\\\\\S+[ \t]+([^\s/]\S*)[ \t]+/user"),
    _command("secret", rb"\b(?:config|env|vars?)[ \t]+set\b[^\n|;&]*?--secret[ \t]+\S+[ \t]+" + _ARGUMENT),
    _command("password", rb"\bmongo(?:sh|dump|restore|export|import)?" + _COMMAND + rb"-p[ \t]+" + _ARGUMENT),
    _command("password", rb"\b(?:sqlcmd|bcp|isql|tsql|osql)" + _COMMAND + rb"-P[ \t]*" + _ARGUMENT),
    _command("password", rb"\b(?:sqlplus|impdp|expdp|rman|sqlldr)[ \t][^\n|;&/]*?[A-Za-z0-9_]/([^\s@\"'/]{4,})@"),
    _command("password", rb"\bldap[a-z]+" + _COMMAND + rb"-w[ \t]+" + _ARGUMENT),
    _command(
        "password",
        rb"\b(?:smbclient|smbget|rpcclient|smbmap|net)" + _COMMAND + rb"-U[ \t]*[\"']?[^\s%\"']+%([^\s\"']+)",
    ),
    _command("password", rb"(?i)\bnet[ \t]+use" + _COMMAND + rb"/user:\S+[ \t]+([^\s/]\S*)"),
    _command("password", rb"(?i)\bnet[ \t]+user[ \t]+\S+[ \t]+([^\s/]\S*)[ \t]+/add"),
    _command("password", rb"(?i)[ \t]/(?:pass(?:word)?|p):" + _ARGUMENT),
    _command(
        "password",
        rb"\bhtpasswd(?:[ \t]+-\S+|[ \t]+[0-9]+)*?[ \t]+-[A-Za-z]*b[A-Za-z]*[ \t]+(?:[^\s|;&]+[ \t]+){1,3}"
        + _ARGUMENT
        + rb"[ \t]*(?m:$|[;&|<>\"')])",
    ),
    _command("password", rb"\b(?:zip|unzip|zipcloak|7za?|7z[zr])" + _COMMAND + rb"-P[ \t]*" + _ARGUMENT),
    _command("password", rb"\b(?:7za?|7z[zr]|rar|unrar)" + _COMMAND + rb"-h?p" + _ARGUMENT),
    _command(
        "password", rb"\brabbitmqctl[ \t]+(?:add_user|change_password|authenticate_user)[ \t]+\S+[ \t]+" + _ARGUMENT
    ),
    _command("password", rb"\bopenssl[ \t]+(?:enc|aes[a-z0-9-]*|des[a-z0-9-]*)" + _COMMAND + rb"-k[ \t]+" + _ARGUMENT),
    _command("password", rb"\bopenssl[ \t]+passwd[ \t]+(?:-[A-Za-z0-9]+[ \t]+)*([^\s\"'|;&<>-][^\s\"'|;&<>]*)"),
    _command("password", rb"\bssh-keygen" + _COMMAND + rb"-[NP][ \t]+" + _ARGUMENT),
    _command("password", rb"\bwpa_passphrase[ \t]+\S+[ \t]+" + _ARGUMENT),
    _command("password", rb"\b(?:useradd|usermod)" + _COMMAND + rb"(?:-p|--password)[ \t]+" + _ARGUMENT),
    _command("password", rb"\blftp" + _COMMAND + rb"-u[ \t]+[^\s,]+,([^\s\"']+)"),
    _command("password", rb"\bhttps?[ \t](?:[^\n|;&]*?[ \t])??-a[ \t]+[\"']?[^\s:\"']+:([^\s\"']+)"),
    _command(
        "password",
        rb"\bcurl" + _COMMAND + rb"(?:-E|--cert|--pass)[ \t]+[\"']?(?:[^\s:\"']+:)?([^\s\"']+)",
        accept=is_no_path,
    ),
    _command("password", rb"\bcurl" + _COMMAND + rb"-u[ \t]*[\"'][^:\"'\n]+:([^\"'\n]+)[\"']"),
    _command("password", rb"(?m:^|[ \t>\"'])(?:requirepass|masterauth)[ \t]+" + _ARGUMENT),
    _command("password", rb"(?:[0-9]>[ \t]+|redis-cli[ \t]+)AUTH[ \t]+(?:[A-Za-z]\w*[ \t]+)?" + _ARGUMENT),
    # What is piped or fed into a program that asks for a secret.
    _command(
        "password",
        _ECHO
        + rb"[ \t]*\|[ \t]*"
        + _SUDO
        + rb"(?:sudo[ \t]+-[A-Za-z]*S|passwd\b|su\b|kinit\b|cryptsetup\b|smbpasswd\b|vncpasswd\b|gpg"
        + _COMMAND
        + rb"--passphrase-fd)",
    ),
    _command("password", _ECHO + rb"[ \t]*\|[ \t]*[^\n|]*?--password-stdin\b"),
    _command(
        "password",
        rb"\b(?:echo|printf)[ \t]+(?:-[a-zA-Z]+[ \t]+)?[\"']?[A-Za-z_][\w.-]*:([^\s\"'|]+)[\"']?[ \t]*\|[ \t]*"
        + _SUDO
        + rb"chpasswd\b",
    ),
    _command("password", rb"\bchpasswd\b[^\n|;&]*?<<<[ \t]*[\"']?[A-Za-z_][\w.-]*:([^\s\"']+)"),
    _command(
        "password",
        rb"\bchpasswd\b[^\n|;&]*?<<-?[ \t]*[\"']?\w+[\"']?\n(?:[ \t]*\S+:\[redacted:[a-z-]+\]\n)*[ \t]*[A-Za-z_][\w.-]*:([^\s\"'\[]\S*)",
    ),
    _command("password", rb"\bsudo[ \t]+-[A-Za-z]*S\b[^\n|;&]*?<<<[ \t]*" + _ARGUMENT),
    _command(
        "secret",
        _ECHO
        + rb"[ \t]*\|[ \t]*[^\n|]*?\b(?:secrets?[ \t]+(?:set|put|create|versions|add|store)|env[ \t]+add|with-token|kubeseal|login[ \t]+--token|store-token)\b",
    ),
    _command(
        "secret",
        rb"\b(?:secrets?[ \t]+(?:set|put|create|add)|versions[ \t]+add|env[ \t]+add|with-token)\b[^\n|;&]*?<<<[ \t]*"
        + _ARGUMENT,
    ),
    _command("secret", rb"\bsecrets?[ \t]+set\b[^\n|;&]*?<[ \t]*<\([ \t]*echo[ \t]+([^\s\"')]+)"),
    _command("secret", rb"\b(?:secret|variable)[ \t]+set" + _COMMAND + rb"(?:--body|-b)[ \t=]*" + _ARGUMENT),
    _command(
        "secret",
        rb"\b(?:secrets?[ \t]+(?:set|import|add)|config:set)\b[^\n|;&]*?[ \t][A-Za-z_][A-Za-z0-9_]*=([^\s\"'\[$|;&][^\s\"'|;&]*)",
        accept=is_no_word,
    ),
    _command("secret", rb"\bsecrets?[ \t]+(?:set|add)[ \t]+[A-Z][A-Z0-9_]*[ \t]+([^\s\"'\[$<>|;&-][^\s\"'|;&]*)"),
    _command("secret", rb"--from-literal[= ][\"']?[A-Za-z0-9_.-]+=" + _ARGUMENT),
    _command(
        "secret",
        rb"\b(?:put-parameter|create-secret|put-secret-value|update-secret)"
        + _COMMAND
        + rb"--(?:value|secret-string)[ \t=]+"
        + _ARGUMENT,
        accept=is_command_argument,
    ),
    _command("secret", rb"\bsecret[ \t]+set" + _COMMAND + rb"--value[ \t=]+" + _ARGUMENT),
    _command("token", rb"\bngrok[ \t]+(?:config[ \t]+)?(?:add-)?authtoken[ \t]+" + _ARGUMENT),
    _command(
        "token",
        rb"\b(?:snyk[ \t]+auth|cargo[ \t]+login|vault[ \t]+login|railway[ \t]+login|pulumi[ \t]+login)[ \t]+"
        + _ARGUMENT,
        accept=is_random_argument,
    ),
    _command(
        "token",
        rb"\b(?:poetry|pdm|uv|pip|npm|yarn|pnpm|git|composer|bundle|conda|aws)[ \t]+(?:config|configure)\b"
        + _CONFIG
        + _ARGUMENT,
        accept=is_command_argument,
    ),
    _command("token", rb"\bpoetry[ \t]+config[ \t]+pypi-token\.\S+[ \t]+" + _ARGUMENT),
    _command(
        "password",
        rb"\b(?:poetry|composer|bundle)[ \t]+config[ \t]+(?:-\S+[ \t]+)*http-basic\.\S+[ \t]+\S+[ \t]+" + _ARGUMENT,
    ),
    _command("token", rb"\bcomposer[ \t]+config[ \t]+(?:-\S+[ \t]+)*[a-z]+-(?:oauth|token)\.\S+[ \t]+" + _ARGUMENT),
    _command(
        "cookie",
        rb"\bcurl" + _COMMAND + rb"(?:-b|--cookie)[ \t=]*(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"'|;&]+)",
        accept=is_session,
    ),
    _command("cookie", rb"\b(?:document\.cookie)[ \t]*=[ \t]*[\"'`]([^\"'`\n]+)", accept=is_session),
)
"""Secrets that are known by the command that takes them: looked for apart, as what stands between may hold others."""

PROGRAMS: Final = frozenset(
    "mysql mysqldump mysqladmin mariadb mongo mongosh mongodump sshpass redis-cli docker podman helm oc az sqlcmd bcp "
    "ldapsearch ldapmodify ldapadd ldapwhoami smbclient htpasswd zip unzip 7z 7za rar unrar rabbitmqctl openssl ssh-keygen "
    "useradd usermod lftp http https curl ngrok snyk cargo vault poetry composer npm yarn pip git gh fly flyctl heroku "
    "kubectl aws wpa_passphrase sudo doppler".split()
)
"""The programs among them that come as a list of words."""
