import { projectionSpecs } from '@daybook/test/support/specifications.ts';
import { products } from './products.ts';
import { productsSpecs } from './products.specs.ts';

projectionSpecs(products, productsSpecs);
