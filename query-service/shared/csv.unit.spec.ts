import { expect, test } from '@jest/globals';
import { csv } from './csv.ts';

test('quotes what needs it, disarms formulas, leaves null empty', () => {
  const rows = [
    { a: 'plain', b: 1 as number | null },
    { a: 'with "quotes", commas\nand lines', b: null },
    { a: '=1+1', b: -5 },
    { a: '@cmd', b: 0.5 },
  ];
  expect(csv(['a', 'b'], rows)).toBe(
    'a,b\r\nplain,1\r\n"with ""quotes"", commas\nand lines",\r\n\'=1+1,-5\r\n\'@cmd,0.5\r\n',
  );
});
