/** The suites that every way to run passes: each takes a stage that is opened once. */
import { inputSuite } from './input.suite.ts';
import { lineageSuite } from './lineage.suite.ts';
import { marketSuite } from './market.suite.ts';
import { outcomesSuite } from './outcomes.suite.ts';
import { parkedSuite } from './parked.suite.ts';
import { signUpSuite } from './sign-up.suite.ts';
import type { Stage } from './stage.ts';
import { tenantsSuite } from './tenants.suite.ts';

/** A suite declares its tests; the stage is there when they run. */
export type Suite = (stage: () => Stage) => void;

export const interfaceSuites: readonly Suite[] = [
  signUpSuite,
  marketSuite,
  outcomesSuite,
  lineageSuite,
  tenantsSuite,
  inputSuite,
  parkedSuite,
];
