"""Twenty kinds of secrets, made up and put together from parts, so that no scanner takes this file for a leak."""

PLANTED = {
    "Anthropic key": "sk-ant-" + "api03-Qm9vYmFyYmF6cXV4-Wm9vYmFyYmF6cXV4",
    "OpenAI key": "sk-proj-" + "zyxWVU987_654-321cbaZYX111",
    "Google key": "AIza" + "SyB-0987654321zyxwvutsrqponmlkjihgf",
    "GitHub token": "ghp_" + "z9Y8x7W6v5U4" * 3,
    "GitLab token": "glpat-" + "zyx_WVU-987654321abc",
    "Slack token": "xoxb-" + "998877665544-" * 2 + "ZyXwVuTsRqPo",
    "Stripe key": "sk_live_" + "z9Y8x7W6" * 3,
    "AWS key id": "AKIA" + "QWERTYUIOPASDFGH",
    "npm token": "npm_" + "zY9x" * 9,
    "PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + "zY9_" * 20,
    "Hugging Face token": "hf_" + "zYxWvUtSrQ" * 3 + "pOnM",
    "SendGrid key": "SG." + "zyxwvutsrqponmlkjihgfe." + "9876543210zyxwvutsrqponmlkjihgfedcbaZYXWVUT",
    "JWT": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiI5ODc2NTQzMjEwIn0." + "zyxjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEowIBAAKCAQEAzyxwVS5JJcds3xfn" * 3
    + "\n-----END RSA PRIVATE KEY-----",
    "DigitalOcean token": "dop_v1_" + "fedcba9876543210" * 4,
    "Vault token": "hvs." + "ZYXWIJ1a" * 4,
    "Groq key": "gsk_" + "z9Y8" * 13,
    "Telegram token": "9876543210:" + "ZZFa1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "password in a URL": "swordfish-nine-lives",
    "exported password": "tiger-in-the-tank-77",
}

SHOWN = {
    "password in a URL": "postgres://admin:{}@db.internal:5432/app",
    "exported password": "export DB_PASSWORD={}",
}
"""How a secret stands in a text where its shape alone says nothing."""


def shown(kind: str) -> str:
    """Return a secret as it would be written."""
    return SHOWN.get(kind, "{}").format(PLANTED[kind])
