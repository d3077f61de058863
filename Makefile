# The commands of this repository. Each installs what it needs first; `make help` lists them.

VITEST := npx vitest run --reporter=default --reporter=json --outputFile.json=build/test-results.json
BENCHMARKS := $(wildcard bench/*.ts)

.PHONY: all help install peers build firmware fixtures check lint demo test test-full bench clean

all: build firmware fixtures

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

install: ## compiler, C library, GDB and npm packages, where missing
	@scripts/install.sh

peers: install ## QEMU and LLVM, which the long tests and benchmarks compare with, where apt has them
	@scripts/install.sh --peers

build: install ## the command line and library, into dist/
	npm run --silent build

firmware: install ## the runtime and example programs, into firmware/build/
	$(MAKE) -C firmware

fixtures: install ## the instruction-set tests, into fixtures/isa/build/
	$(MAKE) -C fixtures/isa

check: install ## TypeScript types
	npm run --silent check

lint: install ## oxlint and prettier
	npm run --silent lint

demo: build firmware ## MobileBERT on the emulated cluster, every layer checked
	node bin/octet.js infer mobilebert --check=layers

test: lint check build firmware ## lint, types, builds and tests
	$(VITEST)

test-full: peers lint check build firmware ## as test, with the long tests
	OCTET_FULL=1 $(VITEST)

bench: peers build firmware ## every benchmark in bench/
	@set -e; for program in $(BENCHMARKS); do echo "== $$program"; npx tsx "$$program"; done

clean: ## removes what was built, not what was installed
	rm -rf dist build
	$(MAKE) -C firmware clean
	$(MAKE) -C fixtures/isa clean
