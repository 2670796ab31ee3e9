# What can be done with this checkout. `make` alone lists it.
# Needs Rust, a C compiler and Python 3. Everything else goes, pinned, into .tools here (local/install_tools.py).

PORT = 8000
DATA = .local
THEATERS = local/theaters.json
ISSUER_PORT = 8090
CORS =
MINUTES = 60

export PATH := $(CURDIR)/.tools/bin:$(PATH)
TARGET = $(or $(CARGO_TARGET_DIR),target)
BINARIES = $(TARGET)/debug
export STARTED := $(shell date +%s)
step = @s=$$(($$(date +%s) - $(STARTED))); printf '\n== %s (after %d:%02d)\n' '$(1)' $$((s / 60)) $$((s % 60))

.PHONY: first-account help run setup binaries test tests soak mutants check lint-contract clients build bench bench-echo bench-render scaling budgets check-budgets deploy undeploy logs deploy-test restore-test load sbom clean-data

help:
	@echo 'make run          the box office on this machine, on http://127.0.0.1:8000; Ctrl-C ends it'
	@echo '                  (PORT=8001 another port, DATA=folder other data, THEATERS=file other theaters;'
	@echo '                  AUTH=1 asks callers for a token, and issues tokens on ISSUER_PORT=8090;'
	@echo '                  CORS=https://a.example,https://b.example other origins whose pages may call, or * or none;'
	@echo '                  without it, pages on every port of this machine may)'
	@echo 'make test         every test'
	@echo 'make soak         random histories under faults, MINUTES=60 of them, checked for linearizability'
	@echo 'make check        all that CI checks: format, lints, docs, tests on two DynamoDBs, template, licences,'
	@echo '                  and the release binaries under faults'
	@echo 'make lint-contract  checks docs/openapi.yaml with three linters; no warning passes'
	@echo 'make clients      generates three clients from docs/openapi.yaml, compiles them, and makes every call with each'
	@echo '                  (CLIENTS="typescript python java" only some)'
	@echo 'make deploy-test  deploys the stack to an emulator of AWS on this machine, and calls every function of it'
	@echo 'make restore-test  rehearses docs/backup.md on that emulator: sells, loses the table, restores it, accounts for every booking'
	@echo 'make build        the functions as Lambda runs them, into target/lambda'
	@echo 'make bench        what those take, measured, into docs/performance.md; some 15 minutes, on a machine that does nothing else'
	@echo '                  (QUICK=1: with few requests, into target/bench, in two minutes)'
	@echo 'make bench-render writes tables and plots of docs/performance.md anew from the figures that are there'
	@echo 'make scaling      what is kept of large halls, measured, and on-sales, simulated, for docs/scaling.md'
	@echo 'make budgets      writes what those may take anew: bench/budgets.toml, which `make check` holds them to'
	@echo 'make sbom         what each function is made of, as CycloneDX, into target/sbom'
	@echo 'make mutants      breaks the product in many places, one at a time: do the tests notice? Takes long'
	@echo '                  (MUTANTS="book- cart-" those whose names begin so)'
	@echo 'make deploy       to AWS, with your AWS credentials; asks at most five questions the first time (infra/README.md)'
	@echo '                  (STACK=name REGION=... CACHE=none ISSUER=https://... AUDIENCE=... answer them; YES=1 asks nothing;'
	@echo '                  SET="LogLevel=debug MemorySize=1024" changes other parameters)'
	@echo 'make logs STACK=name'
	@echo '                  lines of all functions and of the API (FUNCTION=book only one, SINCE=2h, FOLLOW=1 until Ctrl-C,'
	@echo '                  RAW=1 every line as it is)'
	@echo 'make first-account  tries on your AWS account what no test without one can show, and removes everything it made;'
	@echo '                  an hour, less than a dollar (infra/README.md; ARGS=--list, ARGS=--dry-run)'
	@echo 'make undeploy STACK=name'
	@echo '                  deletes a stack but its table (YES=1 asks nothing, CONFIRM=yes: and the table is no longer protected)'
	@echo 'make load FILE=theaters.json TABLE=name'
	@echo '                  writes theaters into a table on AWS, with your AWS credentials (REGION=... another region)'
	@echo 'make clean-data   forgets the data of `make run` (DATA=folder of another folder)'
	@echo 'make setup        installs the tools only'

run: setup binaries
	@$(BINARIES)/boxoffice-local run --port '$(PORT)' --data '$(DATA)' --theaters '$(THEATERS)' \
		$(if $(CORS),--cors '$(CORS)') $(if $(filter-out 0 no false,$(AUTH)),--auth --issuer-port '$(ISSUER_PORT)')

setup:
	@command -v python3 >/dev/null || { echo 'setup: python3 is missing: install Python 3.10 or newer' >&2; exit 1; }
	@python3 local/install_tools.py run

# What `make run`, the black-box test and the wire tests start. The whole workspace, so that its crates are compiled as for the tests.
binaries:
	cargo build --workspace --bins --locked

test: setup tests

tests: binaries
	cargo test --workspace --locked

soak: setup
	SOAK_MINUTES='$(MINUTES)' cargo test -p boxoffice-tests --test integration --locked -- histories --nocapture

check: export BOXOFFICE_DYNAMODB_LOCAL = $(CURDIR)/.tools/dynamodb-local
check:
	$(call step,tools)
	@python3 local/install_tools.py run check fuzz contract budgets
	$(call step,format)
	cargo fmt --all --check
	$(call step,lints)
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(call step,docs)
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
	$(call step,docs/openapi.yaml)
	@python3 tests/clients/lint.py
	$(call step,infrastructure)
	infra/check
	$(call step,tests; the store also on DynamoDB Local; the release binaries under faults)
	@BOXOFFICE_BINARIES='$(TARGET)/lambda' $(MAKE) --no-print-directory tests
	$(call step,budgets: what the release binaries take)
	@$(MAKE) --no-print-directory check-budgets
	$(call step,clients generated from docs/openapi.yaml)
	@python3 tests/clients/run.py
	$(call step,the API as docs/openapi.yaml has it)
	@python3 tests/api_fuzz/run.py
	$(call step,all checks passed)

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
	@python3 local/install_tools.py bench || echo 'Without its packages the Python reference is left out.'
	@cargo run --quiet --profile measuring --locked -p boxoffice-bench -- $(if $(filter-out 0 no false,$(QUICK)),--quick)

# The bare runtime, which functions are compared with. No function itself: it is named here, and nowhere that deploys.
bench-echo: setup
	cargo lambda build --release --locked -p bench-echo

# What is kept of halls of all sizes, and on-sales simulated: docs/scaling, and the tables of docs/scaling.md.
scaling: setup
	@cargo build --quiet --profile measuring --locked -p boxoffice-bench
	@$(TARGET)/measuring/boxoffice-bench growth
	@$(TARGET)/measuring/boxoffice-bench simulate

# Writes tables and plots anew from the figures in docs/performance.
bench-render: binaries
	@$(BINARIES)/boxoffice-bench render

budgets: build
	@$(MAKE) --no-print-directory check-budgets BUDGETS=--write

# Of the binaries that are there. Counted, not timed: a build for debugging does for that.
check-budgets: export BOXOFFICE_BINARIES = $(TARGET)/lambda
check-budgets: binaries
	@$(BINARIES)/boxoffice-bench budgets $(BUDGETS)

# A value as one word of the shell.
quoted = '$(subst ','\'',$(1))'
# A flag with its value, also an empty one, when the variable was given.
flag = $(if $(filter undefined,$(origin $(2))),,$(1) $(call quoted,$($(2))))
# A switch, unless the variable is empty, 0, no or false.
switch = $(if $(filter-out 0 no false,$($(2))),$(1))

deploy:
	@python3 local/install_tools.py run check
	@infra/python infra/stack.py deploy $(call flag,--stack,STACK) $(call flag,--region,REGION) $(call flag,--cache,CACHE) \
		$(call flag,--issuer,ISSUER) $(call flag,--audience,AUDIENCE) $(call flag,--set,SET) $(call flag,--built,BUILT) \
		$(call flag,--config,CONFIG) $(call switch,--yes,YES)

undeploy:
	@test -n $(call quoted,$(STACK)) || { echo 'make undeploy STACK=name [REGION=...] [YES=1] [CONFIRM=yes]'; exit 2; }
	@python3 local/install_tools.py run check
	@infra/python infra/stack.py undeploy --stack $(call quoted,$(STACK)) $(call flag,--region,REGION) $(call flag,--config,CONFIG) \
		$(call switch,--yes,YES) $(if $(filter yes,$(CONFIRM)),--confirm)

logs:
	@test -n $(call quoted,$(STACK)) || { echo 'make logs STACK=name [FUNCTION=book] [SINCE=10m] [FOLLOW=1] [RAW=1] [REGION=...]'; exit 2; }
	@python3 local/install_tools.py check
	@infra/python infra/stack.py logs --stack $(call quoted,$(STACK)) $(call flag,--region,REGION) $(call flag,--config,CONFIG) \
		$(call flag,--function,FUNCTION) $(call flag,--since,SINCE) $(call switch,--follow,FOLLOW) $(call switch,--raw,RAW)

first-account:
	@python3 local/install_tools.py run check
	@infra/first-account $(ARGS)

sbom:
	@infra/sbom

load: binaries
	@test -n '$(FILE)' -a -n '$(TABLE)' || { echo 'make load FILE=theaters.json TABLE=name'; exit 2; }
	@$(if $(REGION),AWS_REGION=$(call quoted,$(REGION))) TABLE_NAME='$(TABLE)' $(BINARIES)/load-theaters '$(FILE)'

clean-data:
	@python3 local/clean_data.py '$(DATA)'
