import { afterAll, beforeAll, describe } from '@jest/globals';
import { interfaceSuites } from './interface.ts';
import { openStage, type Stage } from './stage.ts';

describe('everything in five processes', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage('five processes');
  }, 60_000);
  afterAll(() => stage.close(), 30_000);

  for (const suite of interfaceSuites) suite(() => stage);
});
