import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { v5 } from 'uuid';
import { commandScopedId, eventIdOf, namedId } from './derived-ids.ts';

const namespace = '6f0c7b1e-0d53-4b1c-9a55-3d5a1f4be2c7';

test('derived ids are uuids of version 5, of texts of any length and script', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '-', 'ü', '✓', '李', '🎉', '\u001f', '\0'),
    maxLength: 60,
  });
  fc.assert(
    fc.property(text, text, fc.nat(), (a, b, n) => {
      expect(eventIdOf(a, 0)).toBe(v5(['event', a, 0].join('\u001f'), namespace));
      expect(commandScopedId(a, n)).toBe(v5(['id', a, n].join('\u001f'), namespace));
      const [long, longer] = [a.repeat(9), b.repeat(99)];
      expect(namedId(long, 'kind', longer)).toBe(
        v5(['named', long, 'kind', longer].join('\u001f'), namespace),
      );
      expect(namedId(a, 'kind', b)).toBe(v5(['named', a, 'kind', b].join('\u001f'), namespace));
    }),
  );
});

test('events of one command are numbered on from the first, each with an id of its own', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat({ max: 9_990 }), (commandId, from) => {
      const ids = Array.from({ length: 10 }, (_, n) => eventIdOf(commandId, from + n));
      expect(new Set(ids).size).toBe(10);
      for (const id of ids) {
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(id.slice(0, -6)).toBe(eventIdOf(commandId, 0).slice(0, -6));
      }
    }),
  );
});

test('a derived id stays what it is for ever', () => {
  expect(eventIdOf('00000000-0000-4000-8000-000000000001', 0)).toBe('dd6cf70c-46b6-5136-90d5-fd581747f495');
  expect(eventIdOf('00000000-0000-4000-8000-000000000001', 2)).toBe('dd6cf70c-46b6-5136-90d5-fd581747f497');
  expect(commandScopedId('00000000-0000-4000-8000-000000000001', 3)).toBe(
    '174ad737-15fd-50a2-9571-2c304f9cd142',
  );
});
