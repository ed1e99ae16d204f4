import { DaybookError } from '@daybook/kernel/errors.ts';
import type { ReadModelBuild } from './builds.ts';
import type { Refusals } from './fold-target.ts';

/** The error of events that a projection cannot take in, in words that say where they stand. */
export function refusedEvents(
  { projection }: Pick<ReadModelBuild, 'projection'>,
  refusals: Refusals,
  consequence: string,
): DaybookError {
  const [first, ...others] = [...refusals].toSorted(([, a], [, b]) => (a.position < b.position ? -1 : 1));
  const [tenantId, refusal] = first ?? ['', undefined];
  const more =
    others.length === 0 ? '' : ` The same goes for ${String(others.length)} more of other tenants.`;
  return new DaybookError(
    'configuration-invalid',
    `The projection ${projection.name} cannot take in the ${refusal?.type ?? 'event'} at position ${refusal?.position ?? ''} of tenant ${tenantId}: ${refusal?.reason ?? ''}${more} ${consequence} Mend the projection, then try again.`,
    { fields: { projection: projection.name, version: projection.version, position: refusal?.position } },
  );
}
