import type { Lineage } from '@daybook/infra/lineage/lineage.ts';

/** What queries need beside read models. */
export type QueryPorts = Readonly<{
  lineage: Lineage;
  /** Names of all read models. */
  readModels: readonly string[];
}>;
