/**
 * The whole machine as plain data, and back: what every hart, device and host service holds, and the pages of memory
 * that differ from the program as it was loaded (design §1.4: state is a function of program, inputs and cycle).
 */
import type { Program } from '../elf/elf.ts';
import type { HartState } from '../hart/hart.ts';
import type { IcacheState } from '../hart/icache.ts';
import type { BanksState } from '../memory/banks.ts';
import { firstDifference } from '../memory/compare.ts';
import type { ClusterState } from './cluster.ts';
import type { HostState, Machine } from './machine.ts';

export const PAGE_BYTES = 4096;

/** Everything but memory. Times of devices and deadlines are relative to `now`. */
export interface MachineState {
  readonly now: number;
  /** Pending deadlines by the names of their timers. */
  readonly deadlines: Readonly<Record<string, number>>;
  readonly cluster: ClusterState;
  readonly harts: readonly HartState[];
  /** By device name. */
  readonly devices: Readonly<Record<string, unknown>>;
  readonly xdma: unknown;
  readonly host: HostState;
  /** In cluster timing only. */
  readonly timing?: { readonly icache: IcacheState; readonly banks: BanksState | null };
}

export interface Snapshot {
  readonly state: MachineState;
  /** Pages of writable memory that are not as the program was loaded, by guest address, ascending. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** The state of the machine between two runs, memory aside. */
export function snapshotState(machine: Machine): MachineState {
  const { clock, cluster, bus, xdma } = machine;
  // Between two runs the clock shows when somebody last looked at it, which is no part of the state.
  const { now: shown } = clock;
  clock.now = Math.max(...cluster.harts.map((hart) => hart.cycle));
  const state: MachineState = {
    now: clock.now,
    deadlines: clock.snapshot(),
    cluster: cluster.snapshot(),
    harts: cluster.harts.map((hart) => hart.snapshot()),
    devices: Object.fromEntries(bus.mappings.map(({ device }) => [device.name, device.snapshot()])),
    xdma: xdma.snapshot(),
    host: machine.snapshotHost(),
    ...(machine.icache && {
      timing: { icache: machine.icache.snapshot(), banks: machine.banks?.snapshot() ?? null },
    }),
  };
  clock.now = shown;
  return state;
}

/**
 * Puts the state back into the machine it is of, or into one of the same configuration and program. Memory is to be
 * restored before.
 * @throws InputError for an open file of the host that cannot be opened again; nothing has changed then
 */
export function restoreState(machine: Machine, state: MachineState): void {
  const { clock, cluster, bus, xdma } = machine;
  machine.restoreHost(state.host);
  clock.restore(state.now, state.deadlines);
  for (const { device } of bus.mappings) device.restore(state.devices[device.name]);
  xdma.restore(state.xdma);
  // Devices drive their lines when they are restored, which may wake harts and set deadlines: these come last.
  clock.restore(state.now, state.deadlines);
  for (const [index, hart] of cluster.harts.entries()) hart.restore(state.harts[index]);
  cluster.restore(state.cluster);
  if (!state.timing) return;
  machine.icache?.restore(state.timing.icache);
  if (state.timing.banks) machine.banks?.restore(state.timing.banks);
}

/** The whole machine between two runs. */
export function snapshot(machine: Machine): Snapshot {
  const image = imageOf(machine.program);
  const pages = new Map<number, Uint8Array>();
  eachPage(machine, (address, present) => {
    if (firstDifference(present, image(address)) < PAGE_BYTES) pages.set(address, present.slice());
  });
  return { state: snapshotState(machine), pages };
}

/** Puts a snapshot back; see `restoreState`. What was decoded or translated from memory that changes is forgotten. */
export function restore(machine: Machine, { state, pages }: Snapshot): void {
  machine.restoreHost(state.host); // the one part that may refuse
  const image = imageOf(machine.program);
  eachPage(machine, (address) => restorePage(machine, address, pages.get(address) ?? image(address)));
  restoreState(machine, state);
}

/** Writes the bytes of a page that differ, from the first to the last one. */
export function restorePage(machine: Machine, address: number, wanted: Uint8Array): void {
  const present = machine.bus.bytes(address, PAGE_BYTES);
  const first = firstDifference(present, wanted);
  if (first === PAGE_BYTES) return;
  let end = PAGE_BYTES;
  while (present[end - 1] === wanted[end - 1]) end--;
  machine.bus.poke(address + first, wanted.subarray(first, end));
}

function eachPage(machine: Machine, visit: (address: number, bytes: Uint8Array) => void): void {
  for (const { base, bytes, writable } of machine.memory.windows) {
    if (!writable) continue;
    for (let at = base; at < base + bytes; at += PAGE_BYTES) visit(at, machine.bus.bytes(at, PAGE_BYTES));
  }
}

/** What each page of writable memory holds when the program has been loaded. */
function imageOf(program: Program | undefined): (address: number) => Uint8Array {
  const zero = new Uint8Array(PAGE_BYTES);
  const page = new Uint8Array(PAGE_BYTES);
  return (address) => {
    const touching = (program?.segments ?? []).filter(
      ({ physicalAddress: at, data }) => at < address + PAGE_BYTES && address < at + data.length,
    );
    if (touching.length === 0) return zero;
    page.fill(0);
    for (const { physicalAddress, data } of touching) {
      const from = Math.max(address - physicalAddress, 0);
      const piece = data.subarray(from, address + PAGE_BYTES - physicalAddress);
      page.set(piece, physicalAddress + from - address);
    }
    return page;
  };
}
