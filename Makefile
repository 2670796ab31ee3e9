# All tasks of this checkout. `make` without a target lists them.
# Needs Rust, a C compiler and Python 3. All other tools are installed into .tools in pinned versions
# (local/install_tools.py).

PORT = 8000
DATA = .local
THEATERS =
ISSUER_PORT = 8090
CORS =
MINUTES = 60

export PATH := $(CURDIR)/.tools/bin:$(PATH)
TARGET = $(or $(CARGO_TARGET_DIR),target)
BINARIES = $(TARGET)/debug
export STARTED := $(shell date +%s)
# The pinned Rust may be installed under another name, for example `stable` (local/rust_toolchain.py).
ifndef RUSTUP_TOOLCHAIN
RUST := $(shell python3 local/rust_toolchain.py 2>/dev/null)
ifneq ($(RUST),)
export RUSTUP_TOOLCHAIN := $(RUST)
endif
endif
step = @s=$$(($$(date +%s) - $(STARTED))); printf '\n== %s (after %d:%02d)\n' '$(1)' $$((s / 60)) $$((s % 60))

# The targets of `make check` run one after the other, also with -j.
.NOTPARALLEL:
.PHONY: first-account help run setup binaries test tests soak mutants check check-fast check-tests check-release check-infra check-contract release release-files lint-contract clients build bench bench-echo bench-render scaling budgets check-budgets deploy undeploy logs deploy-test restore-test load sbom clean-data

help:
	@echo 'make run          runs the box office on http://127.0.0.1:8000, Ctrl-C ends it'
	@echo '                  PORT=8001            another port'
	@echo '                  DATA=folder          another data folder'
	@echo '                  THEATERS=file        other theaters and shows (docs/local.md)'
	@echo '                  AUTH=1               requires a token from callers, and issues tokens on ISSUER_PORT=8090'
	@echo '                  CORS=https://a.example,https://b.example'
	@echo '                                       origins whose pages may call the API, or * or none'
	@echo '                                       (default: pages on every port of this machine)'
	@echo 'make test         runs every test'
	@echo 'make soak         runs random histories under faults for MINUTES=60, and checks them for linearizability'
	@echo 'make check        runs all checks of CI, in this order:'
	@echo 'make check-fast     format, lints, docs, unit tests, and the pages compared with the code. Needs only Rust and Python'
	@echo 'make check-tests    the tests on real engines, and on two DynamoDBs'
	@echo 'make check-release  the release binaries: sizes, budgets, and faults at the wire'
	@echo 'make check-infra    the template, its permissions, licences'
	@echo 'make check-contract lints docs/openapi.yaml, and calls the API with generated clients and with random requests'
	@echo 'make release VERSION=0.1.0'
	@echo '                  checks everything for a release and writes its files into target/release-0.1.0'
	@echo '                  TAG=yes              also makes the tag (docs/releasing.md)'
	@echo 'make lint-contract  checks docs/openapi.yaml with three linters, warnings fail'
	@echo 'make clients      generates three clients from docs/openapi.yaml, compiles them, and makes every call with each'
	@echo '                  CLIENTS="typescript python java"  only some'
	@echo 'make deploy-test  deploys the stack to an emulator of AWS on this machine, and calls every function'
	@echo 'make restore-test  rehearses docs/backup.md on that emulator: sells, loses the table, restores it,'
	@echo '                  and accounts for every booking'
	@echo 'make build        builds the functions for Lambda into target/lambda'
	@echo 'make bench        measures them for docs/performance.md, about 15 minutes on an otherwise idle machine'
	@echo '                  QUICK=1              few requests, into target/bench, two minutes'
	@echo 'make bench-render  updates the tables and plots of docs/performance.md from the stored figures'
	@echo 'make scaling      measures the stored sizes of large halls and simulates on-sales, for docs/scaling.md'
	@echo 'make budgets      updates bench/budgets.toml, the limits of the functions that `make check` enforces'
	@echo 'make sbom         writes the components of each function, as CycloneDX, into target/sbom'
	@echo 'make mutants      breaks the product in many places, one at a time, and checks that the tests notice (slow)'
	@echo '                  MUTANTS="book- cart-"  only those with these prefixes'
	@echo 'make deploy       deploys to AWS with your credentials, the first time with up to five questions (infra/README.md)'
	@echo '                  STACK=name REGION=... CACHE=none ISSUER=https://... AUDIENCE=...  answers'
	@echo '                  YES=1                without questions'
	@echo '                  SET="LogLevel=debug MemorySize=1024"  other parameters'
	@echo 'make logs STACK=name'
	@echo '                  shows log lines of all functions and of the API'
	@echo '                  FUNCTION=book        only one function'
	@echo '                  SINCE=2h             from two hours ago'
	@echo '                  FOLLOW=1             until Ctrl-C'
	@echo '                  RAW=1                unformatted'
	@echo 'make first-account  tests on your AWS account what the other tests cannot show, and removes everything it created'
	@echo '                  takes an hour, costs less than a dollar (infra/README.md)'
	@echo '                  ARGS=--list, ARGS=--dry-run'
	@echo 'make undeploy STACK=name'
	@echo '                  deletes a stack, but keeps its table'
	@echo '                  YES=1                without questions'
	@echo '                  CONFIRM=yes          also removes the deletion protection of the table'
	@echo 'make load FILE=theaters.json TABLE=name'
	@echo '                  writes theaters and shows into a table on AWS with your credentials'
	@echo '                  REGION=...           another region'
	@echo 'make clean-data   removes the data of `make run`'
	@echo '                  DATA=folder          another data folder'
	@echo 'make setup        installs only the tools'

run: setup binaries
	@$(BINARIES)/boxoffice-local run --port '$(PORT)' --data '$(DATA)' $(if $(THEATERS),--theaters '$(THEATERS)') \
		$(if $(CORS),--cors '$(CORS)') $(if $(filter-out 0 no false,$(AUTH)),--auth --issuer-port '$(ISSUER_PORT)')

setup:
	@command -v python3 >/dev/null || { echo 'setup: python3 is missing: install Python 3.10 or newer' >&2; exit 1; }
	@python3 local/install_tools.py run

# The binaries for `make run`, the black-box test and the wire tests. Builds the whole workspace, so that its crates are
# compiled with the same features as for the tests.
binaries:
	cargo build --workspace --bins --locked

test: setup tests

tests: binaries
	cargo test --workspace --locked --no-fail-fast

soak: setup
	SOAK_MINUTES='$(MINUTES)' cargo test -p boxoffice-tests --test integration --locked -- histories --nocapture

# Each check belongs to one of these targets. Two run twice. `check-fast` runs the unit tests early, because they take
# seconds, and `check-tests` runs them again as a part of `make test`. The tests at the wire run on the debug binaries in
# `check-tests` and on the release binaries in `check-release`. All cargo commands select the whole workspace, because
# another selection would compile the dependencies again with other features.
check: check-fast check-tests check-release check-infra check-contract
	@python3 infra/release.py record
	$(call step,all checks passed)

# Unit tests that start engines. `make test` runs them, the fast checks don't.
ENGINE_UNITS = stack::tests::
# Integration tests that only read files.
FILE_TESTS = consistency:: layers:: links::

check-fast:
	@python3 local/rust_toolchain.py >/dev/null
	$(call step,format)
	cargo fmt --all --check
	$(call step,files of the repository)
	@python3 -m unittest discover --start-directory tests/repository
	@python3 tests/mutants/run.py --list >/dev/null
	$(call step,lints)
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(call step,docs)
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
	$(call step,unit tests)
	cargo test --workspace --lib --bins --locked -- $(ENGINE_UNITS:%=--skip %)
	cargo test --workspace --doc --locked
	$(call step,pages and the template compared with the code)
	cargo test --workspace --test integration --locked -- $(FILE_TESTS)

check-tests: export BOXOFFICE_DYNAMODB_LOCAL = $(CURDIR)/.tools/dynamodb-local
check-tests: setup
	@python3 local/install_tools.py check
	$(call step,all tests on real engines; the store also on DynamoDB Local)
	@$(MAKE) --no-print-directory tests

check-release: export BOXOFFICE_BINARIES = $(TARGET)/lambda
check-release: setup binaries
	@python3 local/install_tools.py check budgets
	infra/check --build
	$(call step,the release binaries under faults at the wire)
	cargo test --workspace --test wire --locked
	$(call step,budgets of the release binaries)
	@$(BINARIES)/boxoffice-bench budgets

check-infra: setup
	@python3 local/install_tools.py check contract
	infra/check --no-build

check-contract: setup binaries
	@python3 local/install_tools.py contract fuzz
	$(call step,docs/openapi.yaml)
	@python3 tests/clients/lint.py
	$(call step,clients generated from docs/openapi.yaml)
	@python3 tests/clients/run.py
	$(call step,the API compared with docs/openapi.yaml)
	@python3 tests/api_fuzz/run.py

lint-contract:
	@python3 local/install_tools.py contract
	@python3 tests/clients/lint.py

clients: setup binaries
	@python3 local/install_tools.py contract
	@python3 tests/clients/run.py $(CLIENTS)

mutants: setup
	@tests/mutants/run.py $(MUTANTS)

build: setup
	cargo lambda build --release --locked

deploy-test: binaries build
	@python3 local/install_tools.py run check deploy
	@python3 infra/deploy_test/run.py

restore-test: binaries build
	@python3 local/install_tools.py run check deploy
	@python3 infra/deploy_test/restore.py

bench: export BOXOFFICE_BINARIES = $(TARGET)/lambda
bench: build bench-echo
	@python3 local/install_tools.py bench || echo 'The Python reference is skipped, because its packages are missing.'
	@cargo run --quiet --profile measuring --locked -p boxoffice-bench -- $(if $(filter-out 0 no false,$(QUICK)),--quick)

# The bare runtime, the baseline of the functions. It isn't a function of the product, so only this target builds it.
bench-echo: setup
	cargo lambda build --release --locked -p bench-echo

# Measures the stored sizes of halls and simulates on-sales, for docs/scaling and the tables of docs/scaling.md.
scaling: setup
	@cargo build --quiet --profile measuring --locked -p boxoffice-bench
	@$(TARGET)/measuring/boxoffice-bench growth
	@$(TARGET)/measuring/boxoffice-bench simulate

# Updates tables and plots from the figures in docs/performance.
bench-render: binaries
	@$(BINARIES)/boxoffice-bench render

budgets: build
	@$(MAKE) --no-print-directory check-budgets BUDGETS=--write

# Checks the existing release binaries. The bench itself may be a debug build, because it counts and doesn't time.
check-budgets: export BOXOFFICE_BINARIES = $(TARGET)/lambda
check-budgets: binaries
	@$(BINARIES)/boxoffice-bench budgets $(BUDGETS)

# Quotes a value as one shell word.
quoted = '$(subst ','\'',$(1))'
# Adds a flag with its value if the variable is set, even to an empty value.
flag = $(if $(filter undefined,$(origin $(2))),,$(1) $(call quoted,$($(2))))
# Adds a switch unless the variable is empty, 0, no or false.
switch = $(if $(filter-out 0 no false,$($(2))),$(1))

deploy:
	@python3 local/install_tools.py run sam
	@infra/python infra/stack.py deploy $(call flag,--stack,STACK) $(call flag,--region,REGION) $(call flag,--cache,CACHE) \
		$(call flag,--issuer,ISSUER) $(call flag,--audience,AUDIENCE) $(call flag,--set,SET) $(call flag,--built,BUILT) \
		$(call flag,--config,CONFIG) $(call switch,--yes,YES)

undeploy:
	@test -n $(call quoted,$(STACK)) || { echo 'make undeploy STACK=name [REGION=...] [YES=1] [CONFIRM=yes]'; exit 2; }
	@python3 local/install_tools.py sam
	@infra/python infra/stack.py undeploy --stack $(call quoted,$(STACK)) $(call flag,--region,REGION) $(call flag,--config,CONFIG) \
		$(call switch,--yes,YES) $(if $(filter yes,$(CONFIRM)),--confirm)

logs:
	@test -n $(call quoted,$(STACK)) || { echo 'make logs STACK=name [FUNCTION=book] [SINCE=10m] [FOLLOW=1] [RAW=1] [REGION=...]'; exit 2; }
	@python3 local/install_tools.py sam
	@infra/python infra/stack.py logs --stack $(call quoted,$(STACK)) $(call flag,--region,REGION) $(call flag,--config,CONFIG) \
		$(call flag,--function,FUNCTION) $(call flag,--since,SINCE) $(call switch,--follow,FOLLOW) $(call switch,--raw,RAW)

first-account:
	@python3 local/install_tools.py run check
	@infra/first-account $(ARGS)

sbom:
	@infra/sbom

release:
	@python3 infra/release.py release $(call quoted,$(VERSION)) $(if $(filter yes,$(TAG)),--tag)

# Packs binaries and component lists that are built, as the release workflow does after its checks.
release-files: build sbom
	@python3 infra/release.py pack $(call quoted,$(VERSION))

load: binaries
	@test -n '$(FILE)' -a -n '$(TABLE)' || { echo 'make load FILE=theaters.json TABLE=name'; exit 2; }
	@$(if $(REGION),AWS_REGION=$(call quoted,$(REGION))) TABLE_NAME='$(TABLE)' $(BINARIES)/load-theaters '$(FILE)'

clean-data:
	@python3 local/clean_data.py '$(DATA)'
