/** The privilege modes of a hart, and the kinds of access that PMP and triggers tell apart (privileged manual 1.12). */

/** Privilege modes by their encoding in mstatus.MPP. */
export const MACHINE = 3;
export const USER = 0;

/** Bits of mstatus that exist here; everything else reads as zero. */
export const mstatus = {
  mie: 1 << 3,
  mpie: 1 << 7,
  mpp: 3 << 11,
  mprv: 1 << 17,
  tw: 1 << 21,
} as const;

/** The mode in mstatus.MPP. */
export const previousMode = (status: number): number => (status >> 11) & 3;

/** Kinds of access; the bits are those of a PMP configuration (R, W, X) and of a trigger (load, store, execute). */
export const access = { load: 1, store: 2, fetch: 4 } as const;

/** One bit of `access`. */
export type Access = (typeof access)[keyof typeof access];

/** `machine mode`, for messages. */
export const modeName = (mode: number): string => (mode === MACHINE ? 'machine mode' : 'user mode');
