import { projectionSpecs } from '@daybook/test/support/specifications.ts';
import { marketSources } from './market-sources.ts';
import { marketSourcesSpecs } from './market-sources.specs.ts';

projectionSpecs(marketSources, marketSourcesSpecs);
