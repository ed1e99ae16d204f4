import type { Explained } from '@daybook/infra/lineage/explanation.ts';
import { readKey } from '@daybook/infra/lineage/row-key.ts';
import { tenantsOfRow } from '@daybook/infra/lineage/row-tenants.ts';
import type { Models } from '@daybook/infra/platform.ts';
import { openQueryDatabase } from '@daybook/infra/runtime/query-database.ts';
import { lineageOver } from '@daybook/query-service/audit/lineage-log.ts';
import type { ExplainOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { loadModels } from '../services.ts';
import { withStoredLog, type StoredLog } from '../stored-log.ts';
import { explanationLines } from '../terminal/explanation.ts';
import { paint } from '../terminal/screen.ts';
import { writeJson, writeLines } from '../terminal/printable.ts';

/** Prints how a row came to be. What is sealed stays sealed. */
export async function explain(readModel: string, key: string, options: ExplainOptions): Promise<ExitCode> {
  const models = await loadModels();
  return withStoredLog(options, 'explain', async (opened) => {
    const tenant = options.tenant ?? (await tenantOf(opened, models, readModel, key));
    if (typeof tenant !== 'string') return refuse(tenant.sentence);
    const { database, eventStore, log } = opened;
    const readModels = openQueryDatabase({ url: database.url, log, poolSize: 2, statementTimeoutMs: 30_000 });
    try {
      const lineage = lineageOver({ models, eventStore, database, readModels });
      const { column, limit } = options;
      const about = {
        tenantId: tenant,
        readModel,
        key,
        most: limit,
        ...(column === undefined ? {} : { column }),
      };
      return tellOf(await lineage.explain(about), tenant, options);
    } finally {
      await readModels.close();
    }
  });
}

/** The one tenant that has such a row; any, where the question makes no sense, as lineage says itself. */
async function tenantOf(
  { database }: StoredLog,
  { projections }: Models,
  readModel: string,
  keyText: string,
): Promise<string | Readonly<{ sentence: string }>> {
  const projection = projections.find(({ name }) => name === readModel);
  const read = projection === undefined ? undefined : readKey(projection, keyText);
  if (projection === undefined || read === undefined || 'problem' in read) return '';
  const tenants = await tenantsOfRow(database, projection, read.key, 10);
  const [only, ...others] = tenants;
  if (only !== undefined && others.length === 0) return only;
  return {
    sentence:
      only === undefined
        ? `No tenant has such a row in ${readModel}. If one had, name the tenant with --tenant to look into the log.`
        : `Several tenants have such a row; choose one with --tenant: ${tenants.join(', ')}.`,
  };
}

function tellOf(explained: Explained, tenant: string, { json }: ExplainOptions): ExitCode {
  switch (explained.is) {
    case 'explained': {
      const plain = !process.stdout.isTTY;
      const pens = plain ? { bold: String, dim: String } : paint;
      if (json) writeJson(explained.explanation);
      else writeLines(explanationLines(explained.explanation, tenant, pens));
      return exitCodes.ok;
    }
    case 'nothing':
      return refuse(`No event of ${tenant} has to do with such a row.`);
    case 'readModelUnknown':
      return refuse(`There is no read model of this name. Known: ${explained.known.join(', ')}.`);
    case 'columnUnknown':
      return refuse(`There is no column of this name. Known: ${explained.known.join(', ')}.`);
    case 'keyMalformed':
      return refuse(explained.problem);
  }
}

function refuse(sentence: string): ExitCode {
  writeLines([sentence], process.stderr);
  return exitCodes.usage;
}
