import { marketUpcasters } from './market/upcasters.ts';

/** By type, then by the version it starts from: a pure function to the next version. */
export type Upcasters = Readonly<Record<string, Readonly<Record<number, (data: never) => unknown>>>>;

/** The upcasters of all capabilities. */
export const upcasters: Upcasters = { ...marketUpcasters };
