import { z } from 'zod';
import { edgeProblem, invalidInput, ProblemError } from '@daybook/infra/http/problems.ts';
import type { Explained, Explanation } from '@daybook/infra/lineage/explanation.ts';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';
import type { QueryPorts } from '../query-ports.ts';
import { maySee, observers } from '../shared/access.ts';
import { limit } from '../shared/lists.ts';
import { explanationView } from './lineage-view.ts';

/** Explains a row of any read model. */
export function explainRow({ lineage, readModels }: QueryPorts): Query<TenantDb> {
  return defineQuery({
    name: 'explainRow',
    summary:
      'How a row of a read model came to be: its events, and for each the command, who, why, and what followed.',
    access: observers,
    path: '/v1/lineage/{readModel}/{key}',
    input: z.strictObject({
      readModel: z.string().max(100).meta({ description: 'Name of the read model, such as `products`.' }),
      key: z.string().max(2_000).meta({
        description:
          'Values of the key’s columns in order, separated by commas; a comma within one of several is percent-encoded.',
      }),
      column: z.string().max(100).optional().meta({ description: 'Only events that changed this column.' }),
      limit: limit(20, 100),
    }),
    output: explanationView,
    reads: readModels,
    run: async (_db: TenantDb, { readModel, key, column, limit: most }, { tenantId, role }) => {
      if (!maySee(role, readModel)) throw new ProblemError(edgeProblem('forbidden'));
      const about = { tenantId, readModel, key, most, ...(column === undefined ? {} : { column }) };
      const explanation = explanationOr404(await lineage.explain(about), readModel);
      return explanation === null ? null : explanationView.parse(explanation);
    },
  });
}

/** @throws problems `not-found` (naming the read models there are) · `input-invalid` */
function explanationOr404(explained: Explained, readModel: string): Explanation | null {
  switch (explained.is) {
    case 'explained':
      return explained.explanation;
    case 'nothing':
      return null;
    case 'readModelUnknown': {
      const known = explained.known.join(', ');
      const detail = `There is no read model of this name. Known: ${known}.`;
      throw new ProblemError(edgeProblem('not-found', { detail, about: { readModel, known } }));
    }
    case 'columnUnknown':
      throw invalidInput([{ field: 'column', message: `Has to be one of ${explained.known.join(', ')}.` }]);
    case 'keyMalformed':
      throw invalidInput([{ field: 'key', message: explained.problem }]);
  }
}
