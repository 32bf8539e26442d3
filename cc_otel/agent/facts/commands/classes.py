"""What kind of work a command is: one of twelve words, by program, subcommand and, for scripts, by their name."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

CLASSES: Final = (
    "test", "build", "lint", "format", "vcs", "package", "search", "read", "edit", "network", "run", "other",
)  # fmt: skip

_BY_PROGRAM: Final = {
    "test": "pytest unittest nose2 trial jest vitest mocha ava tap jasmine karma playwright cypress rspec minitest "
    "phpunit pest ctest tox nox gotestsum bats behave cucumber robot doctest nextest stestr hypothesis busted prove "
    "codecept wdio cargo-nextest testcafe",
    "build": "make tsc webpack rollup esbuild vite parcel swc babel gcc g++ cc c++ clang clang++ rustc javac kotlinc "
    "ninja cmake meson bazel buck scons ant mvn gradle sbt xcodebuild turbo nx lerna just task rake protoc hatchling "
    "build sphinx-build mkdocs wasm-pack tsup ld ar gfortran ghc stack cabal zig next ng react-scripts dune",
    "lint": "ruff mypy pyright basedpyright flake8 pylint eslint tslint stylelint golangci-lint staticcheck clippy "
    "shellcheck rubocop hadolint yamllint markdownlint markdownlint-cli2 bandit vulture pyflakes pycodestyle "
    "pydocstyle lint-imports import-linter tflint actionlint biome oxlint standard xo phpstan psalm ktlint detekt "
    "clang-tidy cppcheck ty pytype pyre vue-tsc svelte-check luacheck credo sqlfluff semgrep pre-commit codespell knip "
    "py_compile compileall",
    "format": "black isort prettier autopep8 yapf gofmt goimports gofumpt rustfmt clang-format shfmt autoflake "
    "dprint stylua ormolu scalafmt google-java-format taplo",
    "vcs": "git gh glab hg svn jj fossil",
    "package": "npm pnpm yarn bun pip pipx uv poetry pdm pipenv hatch rye conda mamba micromamba gem bundle composer "
    "brew apt apt-get apk dnf yum pacman dpkg rustup nvm fnm pyenv asdf mise volta corepack venv virtualenv ensurepip "
    "twine snap nix nix-env cpanm luarocks vcpkg conan pip-compile pip-audit",
    "search": "grep egrep fgrep zgrep rg ag ack find fd locate which whereis type command ast-grep sg git-grep",
    "read": "cat head tail less more bat ls tree stat file wc diff cmp du df pwd od xxd hexdump strings nl tac column "
    "json.tool awk cut sort uniq jq yq md5sum sha256sum sha1sum cksum realpath readlink basename dirname comm zcat "
    "fold exa eza env printenv date whoami id uname hostname ps top lsof pgrep history tty free uptime nproc arch "
    "locale getconf groups ulimit vmstat sqlite-utils nm objdump ldd exiftool identify",
    "edit": "rm mv cp mkdir rmdir touch ln chmod chown tee patch truncate install dd sed sponge tar unzip zip gzip "
    "gunzip split csplit rename xz bzip2 shred mktemp",
    "network": "curl wget ssh scp rsync sftp ftp nc ncat telnet ping dig nslookup host traceroute http https xh aria2c "
    "ss netstat ip ifconfig openssl grpcurl websocat",
    "run": "python node ruby perl php java deno tsx ts-node sh bash zsh dash ksh Rscript lua julia docker kubectl helm "
    "terraform aws gcloud az systemctl service uvicorn gunicorn flask django-admin manage.py rails nodemon pm2 psql "
    "mysql sqlite3 redis-cli mongosh http.server jupyter streamlit celery alembic vagrant ansible-playbook "
    "heroku fly flyctl vercel netlify wrangler serverless osascript open xdg-open go cargo dotnet swift mix elixir "
    "erl iex ghci scala kotlin dart flutter source . exec electron storybook claude cc-otel artisan",
}
_PROGRAMS: Final[Mapping[str, str]] = {
    program: kind for kind, programs in _BY_PROGRAM.items() for program in programs.split()
}

_BY_SUBCOMMAND: Final[Mapping[tuple[str, str], str]] = {
    (program, subcommand): kind
    for program, row in {
        "go": {
            "test": "test", "build": "build", "install": "build", "generate": "build", "vet": "lint", "fmt": "format",
            "get": "package", "mod": "package", "mod tidy": "package", "mod download": "package",
            "mod init": "package", "mod vendor": "package", "work": "package", "doc": "read", "version": "read",
            "env": "read", "list": "read",
        },
        "cargo": {
            "test": "test", "t": "test", "nextest": "test", "nextest run": "test", "bench": "test", "build": "build",
            "b": "build", "doc": "build", "check": "lint", "c": "lint", "clippy": "lint", "fmt": "format",
            "add": "package", "remove": "package", "rm": "package", "install": "package", "update": "package",
            "publish": "package", "fetch": "package", "tree": "read", "metadata": "read", "clean": "edit",
            "audit": "lint", "deny": "lint", "miri": "test", "fix": "edit",
        },
        "ruff": {"format": "format", "check": "lint"},
        "biome": {"format": "format", "check": "lint", "lint": "lint", "ci": "lint"},
        "dotnet": {
            "test": "test", "build": "build", "publish": "build", "format": "format", "restore": "package",
            "add": "package", "pack": "build",
        },
        "swift": {"test": "test", "build": "build", "package": "package"},
        "coverage": {"run": "test", "report": "test", "html": "test", "xml": "test", "json": "test"},
        "mix": {"test": "test", "compile": "build", "format": "format", "deps.get": "package", "credo": "lint",
                "dialyzer": "lint"},
        "deno": {"test": "test", "lint": "lint", "fmt": "format", "check": "lint", "install": "package",
                 "add": "package", "bundle": "build", "compile": "build"},
        "bazel": {"test": "test", "query": "search", "coverage": "test"},
        "zig": {"test": "test", "fmt": "format"},
        "dart": {"test": "test", "analyze": "lint", "format": "format", "pub": "package", "compile": "build"},
        "flutter": {"test": "test", "analyze": "lint", "build": "build", "pub": "package"},
        "forge": {"test": "test", "build": "build", "fmt": "format"},
        "rails": {"test": "test", "spec": "test"},
        "manage.py": {"test": "test", "check": "lint"},
        "artisan": {"test": "test"},
        "react-scripts": {"test": "test", "build": "build", "start": "run"},
        "ng": {"test": "test", "e2e": "test", "build": "build", "lint": "lint", "serve": "run"},
        "next": {"lint": "lint", "dev": "run", "start": "run", "build": "build"},
        "vite": {"dev": "run", "preview": "run"},
        "docker": {"build": "build", "buildx build": "build", "compose build": "build", "pull": "network",
                   "push": "network"},
        "terraform": {"fmt": "format", "validate": "lint"},
        "git": {"grep": "search"},
        "playwright": {"install": "package"},
        "helm": {"lint": "lint"},
        "uv": {"build": "build", "format": "format"},
        "poetry": {"build": "build", "check": "lint"},
        "hatch": {"build": "build", "test": "test", "fmt": "format"},
        "nix": {"build": "build", "run": "run", "develop": "run"},
        "stack": {"test": "test", "install": "package"},
        "cabal": {"test": "test", "install": "package"},
        "dune": {"test": "test", "runtest": "test", "fmt": "format"},
        "bun": {"test": "test", "build": "build"},
        "npm": {"audit": "lint", "view": "read", "ls": "read", "list": "read", "outdated": "read"},
    }.items()
    for subcommand, kind in row.items()
}  # fmt: skip

_NAMED_AFTER: Final = {
    "test": "(?:unit|integration|e2e|smoke)?-?(?:tests?|specs?|jest|vitest|pytest|e2e|cov|coverage|bench|verify)",
    "format": "format|fmt|prettier|black",
    "lint": "lint|linting|eslint|checks?|typecheck|type-check|types|tsc|mypy|ruff|clippy|vet|audit|validate|static",
    "package": "install|deps|setup|bootstrap|dependencies|lock|venv|postinstall|prepare|publish|release",
    "build": "build|compile|bundle|dist|all|package|assemble|docs|generate|codegen|jar|image|proto|compileJava|wheel",
    "run": "run|start|dev|serve|server|watch|preview|up|down|deploy|migrate|bootRun|demo|seed",
    "edit": "clean|distclean|mrproper|reset",
}
_TASKS: Final = tuple(
    (kind, re.compile(rf"(?:^|[:_.\-/])(?:{names})(?:$|[:_.\-])", re.IGNORECASE))
    for kind, names in _NAMED_AFTER.items()
)
_RUNS_TASKS: Final = frozenset(
    "make gradle mvn just task rake npm pnpm yarn bun turbo nx lerna ninja sbt composer poe invoke".split()
)


def class_of(program: str, subcommand: str, words: Iterable[str] = (), script: str = "") -> str:
    """Return a command's class; ``script`` is the file that an interpreter runs."""
    if found := _BY_SUBCOMMAND.get((program, subcommand)):
        return found
    if program in _RUNS_TASKS and subcommand and (found := _of_task(program, subcommand)):
        return found
    if program == "sed" and not any(word.startswith(("-i", "--in-place")) or word == "-ni" for word in words):
        return "read"
    if (program == "perl" and any(word.startswith(("-pi", "-i")) for word in words)) or (
        program == "find" and "-delete" in words
    ):
        return "edit"
    if program == "node" and "--test" in words:
        return "test"
    if script and program in {"sh", "bash", "zsh", "dash", "ksh"}:
        return _of_script(script if "/" in script else f"./{script}")
    return _PROGRAMS.get(program) or _of_script(program)


def _of_task(program: str, subcommand: str) -> str:
    """Return the class of a task by its name; of several, a test counts, else what is done last."""
    if program in {"npm", "pnpm", "yarn", "bun", "composer"} and not subcommand.startswith(("run ", "test")):
        return ""
    kinds = [
        next((kind for kind, pattern in _TASKS if pattern.search(task)), "")
        for task in subcommand.removeprefix("run ").split()
    ]
    if "test" in kinds:
        return "test"
    return next(filter(None, reversed(kinds)), "run" if subcommand.startswith("run ") else "")


def _of_script(program: str) -> str:
    """Return the class of a script of the project's own by its name, and of what nobody knows."""
    if "/" not in program and not re.search(r"\.(?:sh|py|js|ts|rb|pl|bash)\Z", program):
        return "other"
    name = re.sub(r"\.\w+\Z", "", program.rpartition("/")[2])
    return next((kind for kind, pattern in _TASKS if pattern.search(name)), "run")
