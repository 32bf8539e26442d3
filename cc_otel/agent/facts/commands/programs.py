"""
What the words of known programs mean: which is a subcommand, which options take a value, which of them select.

An option that selects says what of a target is run (``pytest -k``); a value belongs to its option and is no target.
A program without a row has neither: each word that is no option is a target.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Program:
    """
    How to read a program's words.

    ``verbs``: how many words after the program are its subcommand. ``families`` are subcommands with one of their own
    (``git stash pop``). ``values`` take the next word, ``selects`` do and are kept under the name they map to,
    ``flags`` select without a value. ``directory`` says where it runs. ``script``: the first word is a script, what
    follows is its business. ``code`` is the option whose value is code. ``patterns``: so many words are no paths.
    ``pathless``: its words are no paths. ``many``: every word is part of the subcommand (``make clean test``).
    """

    verbs: int = 0
    families: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    selects: Mapping[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    directory: frozenset[str] = frozenset()
    script: bool = False
    code: frozenset[str] = frozenset()
    patterns: int = 0
    pathless: bool = False
    many: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _row(  # noqa: PLR0913 (a column each)
    verbs: int = 0,
    *,
    families: str = "",
    values: str = "",
    selects: str = "",
    flags: str = "",
    directory: str = "",
    script: bool = False,
    code: str = "",
    patterns: int = 0,
    pathless: bool = False,
    many: bool = False,
) -> Program:
    named = {name: alias or name for name, _, alias in (word.partition("=") for word in selects.split())}
    return Program(
        verbs,
        _words(families),
        _words(values),
        named,
        _words(flags),
        _words(directory),
        script,
        _words(code),
        patterns,
        pathless,
        many,
    )


_NODE_RUNNER: Final = _row(
    1,
    values="--registry --loglevel --otp --tag --reporter --filter-prod -C",
    selects="-w=--workspace --workspace --filter -F=--filter -t --testNamePattern=-t --grep=-g --testPathPattern",
    directory="--prefix --cwd -C --dir",
    pathless=True,
)
_JEST: Final = _row(
    values="-c --config --reporters --reporter --maxWorkers -w --coverageDirectory --testTimeout --rootDir --env "
    "--outputFile --shard --pool --environment --coverageReporters --bail",
    selects="-t --testNamePattern=-t --testPathPattern=--testPathPattern --testPathPatterns=--testPathPattern "
    "--project --selectProjects=--project --testPathIgnorePatterns --exclude",
    flags="--onlyFailures --onlyChanged -o --lastCommit --changed",
)
_JS_VERBS: Final = _row(
    1,
    values="-c --config --project --reporter --port --host",
    selects="-t --testNamePattern=-t -g --grep=-g --project --filter --grep-invert",
)
_GREP: Final = _row(
    values="-A -B -C -m -d --include --exclude --exclude-dir --color --max-count --context --after-context "
    "--before-context -g --glob -t --type -T --type-not --max-depth --sort --iglob -j --threads -M --max-columns -r "
    "--replace -f --file",
    selects="-e --regexp=-e",
    patterns=1,
)
_PACKAGES: Final = _row(
    1,
    families="pip cache config tool python self env source",
    values="-r --requirement -c --constraint -i --index-url --extra-index-url -t --target --python -p --group --extra "
    "--only --without --with -G -E --extras --dev-group",
    pathless=True,
)

PROGRAMS: Final[Mapping[str, Program]] = {
    **dict.fromkeys("bundle apk dnf yum nvm asdf systemctl service cc-otel".split(), _row(1, pathless=True)),
    **dict.fromkeys("ps sleep echo printf export exit which type command hash date set".split(), _row(pathless=True)),
    # Tests
    "pytest": _row(
        values="-c --config-file -o -W --maxfail --tb --durations --cov --cov-report --cov-config --junitxml "
        "--junit-xml --rootdir --confcutdir --basetemp -r --color --timeout --log-level --log-cli-level --capture "
        "--import-mode --dist --maxprocesses -n --numprocesses --cov-fail-under --reruns --html --log-file "
        "--verbosity --durations-min --timeout-method --hypothesis-seed --hypothesis-profile --randomly-seed --ds "
        " --json-report-file --tx --cov-context",
        selects="-k -m -p --deselect --ignore --ignore-glob -g",
        flags="--lf --last-failed --ff --failed-first --sw --stepwise --nf --co --collect-only",
    ),
    "unittest": _row(verbs=0, families="", selects="-k -p --pattern=-p -s --start-directory=-s -t", pathless=False),
    "go": _row(
        1,
        families="mod work tool",
        values="-count -timeout -parallel -cpu -o -ldflags -gcflags -coverprofile -covermode -coverpkg -cpuprofile "
        "-memprofile -benchtime -p -mod -modfile -vet -exec -fuzztime -shuffle -asmflags -outputdir",
        selects="-run --run=-run -test.run=-run -bench -tags -skip -fuzz -list",
        flags="-race",
        directory="-C",
    ),
    "coverage": _row(1, values="--rcfile --data-file --omit --include", pathless=True),
    "gotestsum": _row(values="--format --junitfile -f --packages", selects="-run -tags"),
    "cargo": _row(
        1,
        families="nextest",
        values="--target --target-dir --jobs -j --color --message-format --profile --config -Z --manifest-path "
        "-D -W -A",
        selects="-p --package=-p --test --bin --example --bench --features -F=--features --exclude --filter-expr=-E -E "
        "--skip",
        flags="--lib --bins --tests --doc --workspace --all --all-features --no-default-features --release "
        "--all-targets --ignored --exact",
        directory="-C",
    ),
    "jest": _JEST,
    "vitest": _row(
        1,
        values="-c --config --reporter --pool --environment --outputFile --shard --root -r --dir",
        selects="-t --testNamePattern=-t --project --exclude",
    ),
    "mocha": _row(
        values="-R --reporter -t --timeout -r --require --config -u --ui -C", selects="-g --grep=-g -f --fgrep=-f -i"
    ),
    "ava": _row(selects="-m --match=-m"),
    "tap": _row(selects="-g --grep=-g"),
    "playwright": _row(
        1,
        values="-c --config --reporter --workers -j --retries --timeout",
        selects="-g --grep=-g --project --grep-invert",
    ),
    "cypress": _row(1, values="--browser --config", selects="-s --spec=-s"),
    "react-scripts": _JS_VERBS,
    "ng": _JS_VERBS,
    "next": _JS_VERBS,
    "vite": _JS_VERBS,
    "turbo": _row(1, families="run", values="--concurrency", selects="--filter -F=--filter", pathless=True),
    "nx": _row(1, values="--parallel", selects="-t --target=-t -p --projects=-p --project=-p", pathless=True),
    "lerna": _row(1, families="run", selects="--scope", pathless=True),
    "rspec": _row(values="-f --format -o --out -r --require", selects="-e --example=-e -t --tag=-t -P"),
    "phpunit": _row(values="-c --configuration", selects="--filter --testsuite --group --exclude-group"),
    "pest": _row(selects="--filter --testsuite --group"),
    "ctest": _row(values="-j --parallel -C", selects="-R -E -L -LE -I", directory="--test-dir"),
    "tox": _row(values="-c --workdir -p", selects="-e -f -m"),
    "nox": _row(values="-f --noxfile", selects="-s -e=-s --session=-s --sessions=-s -k -t -p"),
    "dotnet": _row(
        1,
        families="tool nuget sln new workload",
        values="-c --configuration -f --framework -r --runtime -o --output -v --verbosity --logger -l --settings",
        selects="--filter --project",
    ),
    "mvn": _row(
        many=True,
        values="-f --file -s -P -T -gs",
        selects="-pl --projects=-pl -Dtest -Dit.test -Dgroups -rf",
        flags="-am -amd",
    ),
    "gradle": _row(
        many=True,
        values="-b --init-script -I --max-workers --console -x",
        selects="--tests -Dtest.single -PtestFilter",
        directory="-p --project-dir",
    ),
    "sbt": _row(many=True),
    "bazel": _row(1, values="--config --test_output -c --jobs", selects="--test_filter --test_tag_filters"),
    "swift": _row(1, values="-c --configuration", selects="--filter --skip", directory="--package-path"),
    "mix": _row(1, selects="--only --exclude --include"),
    "rake": _row(many=True),
    "rails": _row(1, selects="-n"),
    "deno": _row(1, values="-c --config", selects="--filter"),
    "manage.py": _row(1, values="--settings --database", selects="-k --tag=--tag --exclude-tag"),
    "artisan": _row(1, selects="--filter --testsuite"),
    # Builds, linters, formatters
    "make": _row(many=True, values="-f --file -j -l -o -W --jobs", directory="-C --directory"),
    "just": _row(many=True, values="-f --justfile -d", directory=""),
    "task": _row(many=True, values="-t --taskfile", directory="-d --dir"),
    "ninja": _row(many=True, values="-j -f -k -l", directory="-C"),
    "cmake": _row(values="-B -S -G --build --install --target -t --config --preset -j --parallel --prefix"),
    "tsc": _row(values="-p --project -b --build --target --module --outDir", flags=""),
    "ruff": _row(
        1,
        values="--config --output-format --target-version --line-length --cache-dir",
        selects="--select --ignore --extend-select --exclude --extend-ignore",
    ),
    "mypy": _row(
        values="--config-file --python-version --cache-dir --exclude", selects="-p --package=-p -m --module=-m"
    ),
    "pyright": _row(values="-p --project --level"),
    "eslint": _row(
        values="-c --config --ext --format -f --max-warnings --cache-location --ignore-pattern -o",
        selects="--rule --rulesdir",
    ),
    "prettier": _row(values="--config --parser --ignore-path --log-level"),
    "biome": _row(1, values="--config-path", selects="--only"),
    "flake8": _row(values="--config --format --max-line-length", selects="--select --ignore --extend-ignore"),
    "pylint": _row(values="--rcfile -j --output-format", selects="-d=--disable --disable -e=--enable --enable"),
    "golangci-lint": _row(1, values="-c --config --timeout", selects="-E -D --enable --disable"),
    "rubocop": _row(values="-f --format -c", selects="--only --except"),
    "pre-commit": _row(1, selects="--files --hook-stage"),
    "isort": _row(values="--profile --settings-path -l"),
    "black": _row(values="-l --line-length -t --target-version --config"),
    # Version control
    "git": _row(
        1,
        families="stash worktree remote submodule bisect notes reflog sparse-checkout lfs flow bundle",
        values="-c --depth -b -B --author --date --format --pretty --since --until --branch --git-dir --work-tree "
        "-U --max-count --after --before -j --strategy -X --points-at --sort",
        selects="-m --message=-m -F --file=-F --grep",
        directory="-C",
        pathless=True,
    ),
    "gh": _row(
        2,
        values="-R --repo -L --limit --json --jq -q -B --base -H --head -l --label -a -r --reviewer --method "
        "-X -f -F --field -s --state --template",
        selects="-t=--title --title -b=--body --body --body-file --notes",
        pathless=True,
    ),
    "glab": _row(2, pathless=True),
    "hg": _row(1, selects="-m --message=-m"),
    "svn": _row(1, selects="-m --message=-m"),
    "jj": _row(1, selects="-m --message=-m", families="git bookmark op"),
    # Packages
    "npm": _NODE_RUNNER,
    "pnpm": _NODE_RUNNER,
    "yarn": _NODE_RUNNER,
    "bun": _NODE_RUNNER,
    "pip": _PACKAGES,
    "pipx": _PACKAGES,
    "uv": _row(2, families="", values=" ".join(_PACKAGES.values), directory="--directory", pathless=True),
    "poetry": _PACKAGES,
    "pdm": _PACKAGES,
    "pipenv": _PACKAGES,
    "hatch": _PACKAGES,
    "rye": _PACKAGES,
    "conda": _row(1, families="env", values="-n --name -c --channel -p --prefix -f --file", pathless=True),
    "mamba": _row(1, values="-n --name -c --channel", pathless=True),
    "gem": _row(1, values="-v --version", pathless=True),
    "composer": _row(1, values="-d", pathless=True),
    "brew": _row(1, families="services", pathless=True),
    "apt": _row(1, values="-o -t", pathless=True),
    "apt-get": _row(1, values="-o -t", pathless=True),
    "pacman": _row(pathless=True),
    "rustup": _row(1, families="target component toolchain override", pathless=True),
    # Containers, clouds, services
    "docker": _row(
        1,
        families="compose image container volume network system buildx builder context manifest swarm service stack",
        values="-f --file -t --tag -p --publish -v --volume -e --env --env-file --name --network -w --workdir -u "
        "--user --entrypoint --platform --build-arg --target --format --filter --tail --since -n --mount --profile "
        "--project-name --label -l --cpus -m --memory --restart --add-host --gpus --progress --cache-from --cache-to",
        pathless=True,
    ),
    "kubectl": _row(
        1,
        families="config rollout create set auth top",
        values="-f --filename -o --output -c --container --context --tail --since --timeout --for --image --replicas "
        "--type --patch -p -k --kustomize --kubeconfig",
        selects="-n --namespace=-n -l --selector=-l",
        pathless=True,
    ),
    "helm": _row(
        1,
        families="repo dependency get show",
        values="-f --values --set --version",
        selects="-n --namespace=-n",
        pathless=True,
    ),
    "terraform": _row(
        1,
        families="state workspace",
        values="-var -var-file -out",
        selects="-target",
        directory="-chdir",
        pathless=True,
    ),
    "aws": _row(2, values="--region --profile --output --query", pathless=True),
    "gcloud": _row(3, values="--project --region --zone --format", pathless=True),
    "az": _row(2, values="-g -n --name -o --query", pathless=True),
    "alembic": _row(1, values="-c -m --message", pathless=True),
    "psql": _row(values="-h -p -U -d -f --host --port --username --dbname", code="-c --command", pathless=True),
    "sqlite3": _row(values="-cmd -separator", patterns=0),
    # Interpreters
    "python": _row(values="-W -X", script=True, code="-c"),
    "node": _row(
        values="-r --require --import --loader --env-file --experimental-loader --test-reporter",
        selects="--test-name-pattern",
        flags="--test --check",
        script=True,
        code="-e --eval -p --print",
    ),
    "tsx": _row(values="--tsconfig", script=True, code="-e --eval"),
    "ts-node": _row(values="-P --project", script=True, code="-e --eval"),
    "ruby": _row(values="-r -I", script=True, code="-e"),
    "perl": _row(values="-I -M", code="-e -E"),
    "php": _row(values="-d", script=True, code="-r"),
    "java": _row(values="-cp -classpath --class-path -p", selects="-jar", script=True),
    "sh": _row(values="-o", script=True, code="-c"),
    "bash": _row(values="-o -O --rcfile", script=True, code="-c"),
    "zsh": _row(values="-o", script=True, code="-c"),
    "dash": _row(script=True, code="-c"),
    "ksh": _row(script=True, code="-c"),
    "Rscript": _row(script=True, code="-e"),
    "lua": _row(script=True, code="-e"),
    "osascript": _row(script=True, code="-e"),
    "source": _row(script=True),
    ".": _row(script=True),
    # Looking, changing, asking
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "zgrep": _GREP,
    "rg": _GREP,
    "ag": _GREP,
    "ack": _GREP,
    "fd": _row(values="-e --extension -t --type -d --max-depth -E --exclude -x -X --exec", patterns=1),
    "find": _row(
        values="-type -maxdepth -mindepth -mtime -mmin -size -newer -perm -user -group",
        selects="-name -iname -path -ipath -regex",
    ),
    "sed": _row(values="-l --line-length", code="-e --expression -f --file", patterns=1),
    "awk": _row(values="-F -v -f", patterns=1),
    "jq": _row(values="--arg --argjson --indent -f --from-file --slurpfile --rawfile -L", patterns=1),
    "yq": _row(values="-o -p", patterns=1),
    "head": _row(values="-n -c --lines --bytes"),
    "tail": _row(values="-n -c --lines --bytes --pid -s"),
    "cut": _row(values="-d -f -c -b"),
    "sort": _row(values="-k -t -o -S -T"),
    "tr": _row(pathless=True),
    "tree": _row(values="-L -I -P"),
    "ls": _row(values="-I --ignore --color"),
    "du": _row(values="-d --max-depth"),
    "diff": _row(values="-U -C --label -x --exclude"),
    "wc": _row(),
    "touch": _row(values="-t -d -r"),
    "mkdir": _row(values="-m"),
    "chmod": _row(patterns=1),
    "chown": _row(patterns=1),
    "install": _row(values="-m -o -g"),
    "tar": _row(values="-C -f --directory --exclude"),
    "patch": _row(values="-i -d -p"),
    "curl": _row(
        values="-H --header -d --data --data-raw --data-binary --data-urlencode -F --form -u --user -A --user-agent -m "
        "--max-time --connect-timeout --retry -w --write-out -e -b -c --cacert --cert --key -x --proxy "
        "-T --unix-socket --resolve --json -o --output",
        selects="-X --request=-X",
        pathless=True,
    ),
    "wget": _row(values="-O --output-document -P --header -t --tries -T --timeout --post-data", pathless=True),
    "ssh": _row(values="-i -p -o -L -R -D -l -F -J", pathless=True),
    "scp": _row(values="-i -P -o"),
    "rsync": _row(values="-e --exclude --include"),
    "kill": _row(values="-s", pathless=True),
    "pkill": _row(values="-u -t", pathless=True),
    "pgrep": _row(values="-u", pathless=True),
    "lsof": _row(values="-p -i", pathless=True),
    "nc": _row(values="-w -p", pathless=True),
    "ping": _row(values="-c -W -i", pathless=True),
    "test": _row(),
}

_UNKNOWN: Final = Program()


def program_of(name: str) -> Program:
    """Return what is known of a program."""
    return PROGRAMS.get(name, _UNKNOWN)
