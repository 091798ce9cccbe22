# `make` says what there is. Everything that a target needs is installed by it.

.DEFAULT_GOAL := help
.PHONY: help demo test bench fmt lint clean

PROGRAMS := -p flatnet -p flatnet-agent -p flatnet-cni
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

help: ## Say what there is
	@echo "Usage: make TARGET"
	@sed -n 's/^\([a-z]*\):.* ## /  \1\t/p' $(MAKEFILE_LIST)

demo: ## Build a VPC on this machine, with nodes and pods, check it, tear it down
	@scripts/setup run
	cargo build --release --locked $(PROGRAMS)
	@$(RELEASE)/flatnet lab demo

test: ## Run all tests: of the crates, and end to end with real AWS clients
	@scripts/setup test
	cargo test --workspace --locked
	@scripts/test-e2e

bench: ## Measure: the demo's time, CNI ADD beside the reference plugins, memory
	@scripts/setup bench
	cargo build --release --locked $(PROGRAMS)
	@scripts/bench
	@scripts/bench-api

fmt: ## Format the code
	cargo fmt --all

lint: ## Check format, lints, layers and scripts
	@scripts/setup lint
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --locked --quiet -p layering
	shellcheck scripts/setup scripts/test-e2e .ci/run

clean: ## Remove everything that was built
	cargo clean
