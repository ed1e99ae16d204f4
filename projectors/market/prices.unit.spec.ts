import { projectionSpecs } from '@daybook/test/support/specifications.ts';
import { prices } from './prices.ts';
import { pricesSpecs } from './prices.specs.ts';

projectionSpecs(prices, pricesSpecs);
