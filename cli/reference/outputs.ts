import { configurationReference } from '@daybook/infra/config/reference.ts';
import { openApiDocument, openApiFragment } from '@daybook/infra/http/openapi.ts';
import { cataloguePage } from './catalogue.ts';
import { allDefinitions } from './definitions.ts';
import { errorsPage } from './errors.ts';
import { failpointsPage } from './failpoints.ts';
import { metricsPage } from './metrics.ts';

/** The reference pages that are made from definitions in code, by their path from the repository's root. */
export function referencePages(): ReadonlyMap<string, string> {
  const all = allDefinitions();
  const document = openApiDocument({ title: 'Daybook', version: '1' }, [openApiFragment(all)]);
  return new Map([
    ['docs/reference/catalogue.md', cataloguePage(all)],
    ['docs/reference/errors.md', errorsPage(all)],
    ['docs/reference/failpoints.md', failpointsPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/configuration.md', configurationReference()],
    ['docs/reference/openapi.json', `${JSON.stringify(document, null, 2)}\n`],
  ]);
}
