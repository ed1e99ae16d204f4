/** `node test/golden/record.ts`: writes the Avro bytes of golden cases that have none yet. What stands is never changed. */
import { writeFileSync } from 'node:fs';
import { encode } from '@daybook/schemas/contracts.ts';
import { goldenTypes } from './golden.ts';

for (const { file, type, version, cases } of goldenTypes()) {
  const recorded = cases.map((one) => ({
    ...one,
    avro: one.avro ?? encode(type, version, one.data).toString('hex'),
  }));
  writeFileSync(file, `${JSON.stringify({ type, version, cases: recorded }, null, 2)}\n`);
}
