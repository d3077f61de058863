/** The privilege modes of a hart, and the kinds of access that PMP and triggers tell apart (privileged manual 1.12). */

/** Privilege modes by their encoding in mstatus.MPP. */
export const MACHINE = 3;
export const USER = 0;

/** Kinds of access; the bits are those of a PMP configuration (R, W, X) and of a trigger (load, store, execute). */
export const access = { load: 1, store: 2, fetch: 4 } as const;

/** One bit of `access`. */
export type Access = (typeof access)[keyof typeof access];

/** `machine mode`, for messages. */
export const modeName = (mode: number): string => (mode === MACHINE ? 'machine mode' : 'user mode');
