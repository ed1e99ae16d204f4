import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { marketSource } from './market-source.ts';
import { marketSourceSpecs } from './market-source.specs.ts';

deciderSpecs(marketSource, marketSourceSpecs);
