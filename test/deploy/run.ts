/** Builds a deployment and runs it on a machine, for tests that compare every tensor with the integer reference. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { presets, type MachineConfig } from '../../src/cluster/config.ts';
import { Machine } from '../../src/cluster/machine.ts';
import {
  buildFirmware,
  buildHost,
  deploy,
  optionsFor,
  readTensor,
  writeProject,
  type DeployOptions,
  type Plan,
} from '../../src/deploy/deploy.ts';
import { numeric } from '../../src/deploy/graph/elements.ts';
import type { Graph, TensorData } from '../../src/deploy/graph/graph.ts';
import { evaluate } from '../../src/deploy/reference/integer.ts';
import {
  compare as compareOutput,
  execute,
  type Comparison as OutputComparison,
} from '../../src/deploy/run/execute.ts';
import { executeOnHost } from '../../src/deploy/run/host.ts';
import { parseElf } from '../../src/elf/elf.ts';

export interface Comparison {
  readonly plan: Plan;
  readonly machine: Machine;
  readonly exit: number | undefined;
  /** Tensors compared, and the names of those that differ. */
  readonly compared: number;
  readonly different: readonly string[];
}

/** Deploys, builds and runs a network on one input set, and compares every kept tensor with the integer reference. */
export async function compare(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData>,
  options: DeployOptions = {},
  config: MachineConfig = presets.octa,
  reference = graph,
): Promise<Comparison> {
  const directory = mkdtempSync(join(tmpdir(), 'octet-test-'));
  try {
    const deployment = deploy(graph, { keep: 'all', inputs: Object.fromEntries(inputs), ...options });
    await writeProject(deployment, directory);
    const { elf } = await buildFirmware(directory);
    const program = parseElf(readFileSync(elf), elf);
    const machine = new Machine(config);
    machine.load(program);
    const outcome = machine.run(1e9);
    const expected = new Map<string, TensorData>();
    evaluate(reference, inputs, (name, data) => expected.set(name, data));
    const { plan } = deployment;
    // Lowering adds tensors of its own, which the reference does not have.
    const named = (output: string): string => plan.tensors[output].transposeOf ?? output;
    const kept = plan.steps.filter(({ output }) => plan.tensors[output].kept && expected.has(named(output)));
    const different = kept.filter(({ output }) => {
      const place = plan.tensors[output];
      const base = program.symbols.find(place.symbol)?.address;
      if (base === undefined) throw new Error(`the firmware has no symbol ${place.symbol}`);
      const values = readTensor(place, base, (address, bytes) => machine.bus.bytes(address, bytes));
      const wanted = expected.get(named(output));
      return wanted?.length !== values.length || values.some((value, i) => value !== wanted[i]);
    });
    return {
      plan,
      machine,
      exit: outcome.kind === 'exit' ? outcome.code : undefined,
      compared: kept.length,
      different: different.map(({ output }) => output),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A directory for projects of several tests: what they have in common is compiled once. */
export class ProjectDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'octet-project-'));

  constructor() {
    afterAll(() => rmSync(this.path, { recursive: true, force: true }));
  }

  /**
   * Deploys a network, builds and runs it on the emulated cluster or on this computer.
   * @returns its outputs that differ from the integer reference, and the plan
   */
  async differing(
    graph: Graph,
    inputs: ReadonlyMap<string, TensorData>,
    target: 'cluster' | 'host',
    machine: MachineConfig = presets.octa,
    options: DeployOptions = {},
  ): Promise<{ different: readonly OutputComparison[]; elements: number; plan: Plan }> {
    const deployment = deploy(graph, { ...optionsFor(machine), ...options });
    const { plan } = deployment;
    await writeProject(deployment, this.path);
    const outputs = new Map<string, TensorData>();
    if (target === 'host') {
      const { executable } = await buildHost(this.path);
      for (const [name, data] of executeOnHost(executable, plan, inputs)) outputs.set(name, data);
    } else {
      const { elf } = await buildFirmware(this.path);
      const execution = execute(parseElf(readFileSync(elf), elf), plan, machine, inputs, {
        maxInstructions: 2e9,
      });
      for (const name of plan.outputs) outputs.set(name, execution.read(name));
    }
    const comparisons = [...evaluate(graph, inputs)].map(([name, expected]) =>
      compareOutput(name, numeric(outputs.get(name) as TensorData), numeric(expected)),
    );
    return {
      different: comparisons.filter(({ mismatches }) => mismatches > 0),
      elements: comparisons.reduce((n, { elements }) => n + elements, 0),
      plan,
    };
  }
}
