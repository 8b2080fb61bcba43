# Targets are listed by `make`.
.DEFAULT_GOAL := help
GO      ?= go
BIN     := bin/offhook
ARGS    ?=
SEEDS   ?=
# One setting for run, test and check, so that they share the build cache; the race detector needs the other.
export CGO_ENABLED ?= 0
SOAK    ?= 20m
# Build tags, also by name: TAGS=opus brings Opus, by libopus and with cgo.
TAGS    ?=
WITH    := $(if $(filter opus,$(TAGS)),-tags "$(TAGS) nolibopusfile",$(if $(TAGS),-tags "$(TAGS)"))
ifneq ($(filter opus,$(TAGS)),)
export CGO_ENABLED := 1
endif

.PHONY: help run test check gen race sim e2e bench soak build opus clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## start everything on loopback: edge, event log, functions, page, demo tenant (ARGS="--sip 127.0.0.1:5070")
	@$(BIN) dev $(ARGS)

test: ## the tests; nothing but Go is needed
	@infra/ci/test

build: ## the binary, in bin/
	@mkdir -p bin
	@[ -e $(BIN) ] || echo "building offhook; the first time takes a minute or two"
	$(if $(filter opus,$(TAGS)),@infra/ci/opus)
	@$(GO) build $(WITH) -o $(BIN) .

opus: ## the binary with Opus as a codec; needs libopus-dev, pkg-config and a C compiler, and says which is missing
	@$(MAKE) --no-print-directory build TAGS="$(strip opus $(TAGS))"

check: ## gofmt, vet, linters, generated code up to date, tidy module
	@infra/ci/check

gen: ## Go types, references and examples from the schemas
	$(GO) generate ./schemas/...

race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 15m ./...

sim: ## simulated calls under faults: SEEDS=1-100, or SEEDS=7 to replay one
	SIM_SEEDS="$(SEEDS)" SIM_CALLS="$${SIM_CALLS:-20000}" $(GO) test ./infra/sim -run TestFaultedCalls -count=1 -timeout 60m

e2e: build ## real phones, SMTP and Kafka; installs what it needs
	@infra/ci/e2e

soak: ## 20 minutes of 100 bridged calls a second (SOAK=1h); after make e2e, which installs what it needs
	OFFHOOK_SOAK=$(SOAK) $(GO) test -tags e2e -count=1 -timeout 0 -v ./infra/e2e/soak

bench: build ## speed beside peers, in one run
	@infra/bench/run

clean: ## remove what was built and the demo's data
	rm -rf bin .offhook infra/e2e/.cache
