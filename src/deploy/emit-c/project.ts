/** The C project around the network: main, default inputs, Makefile, and the report plan.json. */
import { InputError } from '../../errors.ts';
import type { Allocation } from '../allocate/allocate.ts';
import { numeric } from '../graph/elements.ts';
import type { TensorData } from '../graph/graph.ts';
import type { Costs } from '../passes/cost.ts';
import { kernelCycles, kernelReport } from '../tile/kernel.ts';
import { streamReport, type StreamReport, whereAndWhy } from '../schedule/report.ts';
import type { TiledProgram } from '../tile/tile.ts';
import { floatText } from './kernel.ts';
import { declaration, emitNetwork, symbolOf, type TensorPlace } from './network.ts';
import { emitWeightsAssembly, emitWeightsHeader } from './weights.ts';
import { comment } from './names.ts';

/** Everything decided about one step. */
export interface StepReport {
  readonly name: string;
  /** Nodes of the source network it stands for. */
  readonly sources: string;
  readonly kind: string;
  readonly engine: 'ita' | 'harts';
  readonly reason: string;
  /** Estimated cycles on each engine that can compute it; the chosen one's among them. */
  readonly costs?: Costs;
  readonly output: string;
  /** Tile counts, ring sizes, buffers in TCDM, bytes moved. */
  readonly tiles: Readonly<Record<string, unknown>>;
}

/** plan.json: the report of a deployment, and where the host finds each tensor. */
export interface Plan {
  readonly network: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly l1Budget: number;
  readonly l1Bytes: number;
  readonly arenaBytes: number;
  readonly weightBytes: number;
  /** Whether the kernels of the harts are the Xpulp version. */
  readonly xpulp: boolean;
  readonly itaJobs: number;
  /** Multiply-accumulates the accelerator performs, padding included. */
  readonly itaMacs: number;
  readonly dmaBytes: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly tensors: Readonly<Record<string, TensorPlace>>;
  readonly schedule: ScheduleReport;
  readonly steps: readonly StepReport[];
}

/** How steps follow one another (docs/schedule.md). */
export interface ScheduleReport {
  readonly kind: 'sequential' | 'pipelined';
  /** Runs of steps that became lists of jobs; none in the sequential schedule. */
  readonly streams: readonly StreamReport[];
}

export interface Deployment {
  readonly plan: Plan;
  /** Contents by file name; the firmware's own directories are copied beside them. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/** What the firmware may use. */
export interface Target {
  /** Bytes of TCDM and of DRAM. */
  readonly l1Bytes: number;
  readonly dramBytes: number;
  /** The Xpulp version of the kernels. */
  readonly xpulp: boolean;
  /** Of the accelerator, which the host computes in C. */
  readonly softmaxShift: number;
  readonly control: Control;
  /** Harts that get a stack in TCDM. */
  readonly stacks: number;
}

/** Who drives the DMA and the accelerator, and how. */
export interface Control {
  /** The hart: 0, which computes as well, or another one, below which all compute. */
  readonly driver: number;
  /** It has the DMA's instructions. */
  readonly xdma: boolean;
  /** It submits one job at a time and polls for its end, as the drivers of revision A; otherwise it sleeps. */
  readonly polled: boolean;
}

const MACS_PER_JOB = 64 * 64 * 64;

/** @param inputs default values by input name; zeros where absent */
export function emitProject(
  tiled: TiledProgram,
  allocation: Allocation,
  target: Target,
  inputs: Readonly<Record<string, TensorData>> = {},
): Deployment {
  const network = emitNetwork(tiled, allocation);
  const weights = network.weights.bytes();
  const steps = tiled.steps.map(({ step, plan }): StepReport => {
    const { name, sources, kind, output } = step;
    const about = { name, sources, kind, ...whereAndWhy({ step, plan }), output };
    if (plan.kind !== 'kernel') return { ...about, tiles: { ...plan } };
    // Blocks are a closer estimate than the operator is.
    const harts = kernelCycles(plan) ?? step.costs?.harts;
    return { ...about, ...(harts !== undefined && { costs: { harts } }), tiles: { ...kernelReport(plan) } };
  });
  const itaJobs = tiled.steps.reduce((n, { plan }) => n + ('jobs' in plan ? plan.jobs : 0), 0);
  const plan: Plan = {
    network: tiled.name,
    metadata: tiled.metadata,
    l1Budget: target.l1Bytes,
    l1Bytes: network.l1Bytes,
    arenaBytes: allocation.arenaBytes,
    weightBytes: weights.length,
    xpulp: target.xpulp,
    itaJobs,
    itaMacs: itaJobs * MACS_PER_JOB,
    dmaBytes: tiled.steps.reduce((n, step) => n + step.plan.dmaBytes, 0),
    inputs: tiled.inputs,
    outputs: tiled.outputs,
    tensors: Object.fromEntries(network.tensors),
    schedule: {
      kind: tiled.streams ? 'pipelined' : 'sequential',
      streams: (tiled.streams ?? []).map(streamReport),
    },
    steps,
  };
  return {
    plan,
    files: new Map<string, string | Uint8Array>([
      ['network.c', network.source],
      ['network.h', network.header],
      ['weights.S', emitWeightsAssembly(network.weights.constants)],
      ['weights.h', emitWeightsHeader(network.weights.constants)],
      ['weights.bin', weights],
      ['inputs.c', emitInputs(tiled, allocation, inputs)],
      ['main.c', MAIN],
      ['host_tensors.c', hostTensors(tiled)],
      ['Makefile', makefile(target)],
      ['plan.json', `${JSON.stringify(plan, null, 1)}\n`],
    ]),
  };
}

function emitInputs(
  tiled: TiledProgram,
  allocation: Allocation,
  inputs: Readonly<Record<string, TensorData>>,
): string {
  const arrays = tiled.inputs.map((name) => {
    const tensor = tiled.tensors.get(name);
    const layout = allocation.layouts.get(name);
    if (!tensor || !layout) throw new Error(`network ${tiled.name} has no input ${name}`);
    const { rows, columns, pitch, elementBytes, type } = layout;
    const given = inputs[name];
    if (given && given.length !== rows * columns) {
      throw new InputError(`the input ${name} has ${given.length} values, expected ${rows * columns}`);
    }
    const text = type === 'float32' ? floatText : String;
    const row = (r: number): string[] =>
      Array.from(numeric(given).subarray(r * columns, (r + 1) * columns), (value) => text(value));
    const padding = Array.from({ length: pitch / elementBytes - columns }, () => '0');
    const values = given ? Array.from({ length: rows }, (_, r) => [...row(r), ...padding]).flat() : [];
    if (values.length === 0) values.push('0');
    const lines = Array.from(
      { length: Math.ceil(values.length / 16) },
      (_, i) => `    ${values.slice(16 * i, 16 * i + 16).join(', ')},`,
    );
    const attributes = '__attribute__((section(".data.network"), aligned(64)))';
    return [
      `/** ${comment(name)}: ${tensor.type} [${tensor.shape.join(', ')}] */`,
      `${declaration(name, allocation)} ${attributes} = {`,
      ...lines,
      '};',
      '',
    ].join('\n');
  });
  return `/** The input the network runs on unless the host writes another one before the start. */\n#include "network.h"\n\n${arrays.join('\n')}`;
}

const tensorList = (name: string, tensors: readonly string[]): string =>
  [
    `const struct host_tensor ${name}[] = {`,
    ...tensors.map((tensor) => `    {${symbolOf(tensor)}, sizeof ${symbolOf(tensor)}},`),
    '    {NULL, 0},',
    '};',
  ].join('\n');

/** What the network reads and writes as a program of the host (firmware/host). */
const hostTensors = ({ inputs, outputs }: TiledProgram): string =>
  `/** Inputs and outputs of the network for the host. */\n#include "host.h"\n#include "network.h"\n\n${tensorList('host_inputs', inputs)}\n\n${tensorList('host_outputs', outputs)}\n`;

const MAIN = `/** Runs the network once, on every hart. */
#include "network.h"

int main(void) {
  network_run();
  return 0;
}
`;

function controlFlags({ driver, xdma, polled }: Control): string {
  const flags = [
    ...(driver === 0 ? [] : [`-DOCTET_DRIVER=${driver}`]),
    ...(xdma ? ['-DOCTET_XDMA'] : []),
    ...(polled ? ['-DOCTET_POLLED'] : []),
  ];
  return flags.length === 0 ? '' : `CFLAGS += ${flags.join(' ')}\n`;
}

const makefile = ({
  dramBytes,
  xpulp,
  softmaxShift,
  control,
  stacks,
}: Target): string => `# Builds network.elf with the packages gcc-riscv64-unknown-elf and picolibc-riscv64-unknown-elf; 'make host' builds the
# same C for this computer, the accelerator included (host/), with HOST_CC.

FIRMWARE := .
include flags.mk
${xpulp ? 'CFLAGS += $(XPULP)\n' : ''}${controlFlags(control)}LDFLAGS += -Wl,--defsym=__dram_bytes=${dramBytes} -Wl,--defsym=__hart_limit=${stacks}

SOURCES := main.c inputs.c network.c weights.S $(wildcard kernels/*.c runtime/*.c runtime/*.S)
OBJECTS := $(patsubst %,build/%.o,$(SOURCES))

network.elf: $(OBJECTS) link.ld
\t$(CC) $(LDFLAGS) $(OBJECTS) -o $@

build/%.o: % Makefile flags.mk
\t@mkdir -p $(@D)
\t$(CC) $(CFLAGS) -Ikernels -c $< -o $@

build/weights.S.o: weights.bin

HOST_CC ?= cc
HOST_CFLAGS ?= -O2 -g
HOST_FLAGS = -std=c11 -Wall -Wextra -Werror -DITA_SOFTMAX_SHIFT=${softmaxShift} -Ihost -I. -Iinclude -Ikernels -MMD -MP
HOST_SOURCES := inputs.c network.c weights.S host_tensors.c $(wildcard kernels/*.c host/*.c)
HOST_OBJECTS := $(patsubst %,build/host/%.o,$(HOST_SOURCES))

host: network-host

network-host: $(HOST_OBJECTS)
\t$(HOST_CC) $(HOST_CFLAGS) $(HOST_OBJECTS) -o $@

build/host/%.o: % Makefile
\t@mkdir -p $(@D)
\t$(HOST_CC) $(HOST_FLAGS) $(HOST_CFLAGS) -c $< -o $@

build/host/weights.S.o: weights.bin

clean:
\trm -rf build network.elf network-host

.PHONY: clean host

-include $(OBJECTS:.o=.d) $(HOST_OBJECTS:.o=.d)
`;
