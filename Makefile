# Each target does its own set-up and says what it is doing; run again, it is quick.
.DEFAULT_GOAL := help
PY := .venv/bin/python
TSC := .venv/bin/node node_modules/typescript/bin/tsc
LAN ?= 0
REQUIRED ?=
LANES ?=
TIMES ?= 100
HOURS ?= 24
SUITE ?= trixie
ARCH ?=
VERSION ?=
RIG ?= virtual
ONLY ?=
FUZZED := tests/unit/test_tampering_*.py tests/unit/test_parsers*.py tests/unit/test_jose_interop.py \
    tests/browser/page/test_page_hostile_input.py

.PHONY: help setup demo test lint bench bench-audio bench-media soak deb hostile fuzz drawings pictures virtual-pi hil

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup:
	@.ci/setup

demo: setup  ## ring, see, talk, open: on simulated hardware, in your browser (LAN=1: phones too)
	@$(PY) -m tests.demo --lan $(LAN)

test: setup  ## every lane this machine can run (LANES="unit demo": these); says which it cannot, and why
	@case " $(or $(strip $(LANES)),hil) " in *" hil "*) .ci/setup-virtual-pi || true ;; esac
	@$(PY) -m tests.run --required "$(REQUIRED)" $(LANES)

lint: setup  ## style, types, and who may import whom
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(TSC) -p tsconfig.json
	@$(TSC) -p tsconfig.worker.json

bench: setup  ## press to picture, start to ready, memory and CPU: build/reports/bench.json
	@$(PY) -m tests.bench

bench-audio: setup  ## echo left, speech understood, processor time; beside other cancellers: build/reports/bench-audio.json
	@.ci/setup-bench || echo "bench-audio: LiveKit's canceller cannot be had here and is left out"
	@$(PY) -m tests.bench.audio

bench-media: setup  ## a call's delays, cost, endurance and how it stands lost packets: build/reports/bench-media.json
	@$(PY) -m tests.bench.media

soak: setup  ## the page's day on the wall: HOURS=24 of rings by a clock turned by hand; whether its heap is flat: build/reports/soak.json
	@$(PY) -m tests.bench.soak --hours $(HOURS)

deb: setup  ## Debian packages (SUITE=trixie or bookworm, ARCH=amd64 or arm64): build/deb
	@$(PY) -m deb.build --suite $(SUITE) $(if $(ARCH),--arch $(ARCH)) $(if $(VERSION),--version $(VERSION))

hostile: setup  ## a stolen server against the real door and page, attack by attack: build/reports/hostile.json
	@$(PY) -m tests.hostile

pictures: setup  ## the page in every state, for docs/page.md
	@$(PY) -m tests.pictures

fuzz: setup  ## the tests of spoilt input with TIMES=100 as many examples, by hand: tests/unit/tampering.py
	@DOORWARD_FUZZ=$(TIMES) $(PY) -m pytest -q --timeout=0 $(FUZZED)

drawings: setup  ## the wiring drawings of hw/drawings, from hw/pins.toml
	@$(PY) -m hw.drawings

virtual-pi: setup  ## a Pi in QEMU with the firmware installed, kept in build/virtual-pi; hw/virtual-pi/run is a shell in it
	@.ci/setup-virtual-pi
	@$(PY) -m tests.hil.virtual build

hil: setup  ## the whole door station, RIG=virtual or a bench's description (ONLY=words): build/reports/hil.json
	@[ "$(RIG)" != virtual ] || .ci/setup-virtual-pi
	@$(PY) -m tests.hil --rig "$(RIG)" --only "$(ONLY)"
