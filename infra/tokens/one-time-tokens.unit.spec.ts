import { describe, expect, test } from '@jest/globals';
import { memoryVault } from '../vault/memory.ts';
import { oneTimeTokens } from './one-time-tokens.ts';

const id = '6d9e3c0e-3f43-5ad0-8a3b-5f2b8d0c1a11';

describe('one-time tokens', () => {
  const vault = memoryVault();
  const tokens = oneTimeTokens(vault, 'verification');

  test('are the same for the same command and differ by command, id, purpose and installation', () => {
    const token = tokens.make(id, 'command-1');
    expect(tokens.make(id, 'command-1')).toBe(token);
    expect(tokens.make(id, 'command-2')).not.toBe(token);
    expect(tokens.make(id.replace('6', '7'), 'command-1').slice(36)).not.toBe(token.slice(36));
    expect(oneTimeTokens(vault, 'reset').make(id, 'command-1')).not.toBe(token);
    expect(oneTimeTokens(memoryVault(), 'verification').make(id, 'command-1')).not.toBe(token);
  });

  test('fit into a line of a mail, and their hash tells nothing of them', () => {
    const token = tokens.make(id, 'command-1');
    expect(token).toHaveLength(69);
    expect(tokens.hash(token)).toMatch(/^[0-9a-f]{64}$/);
    expect(tokens.hash(token)).not.toContain(token.slice(37));
  });

  test('say what they are for, and nothing else does', () => {
    expect(tokens.idOf(tokens.make(id, 'command-1'))).toBe(id);
    for (const text of ['', id, `${id}.`, `${id}.xyz`, `${tokens.make(id, 'c')}0`, `../${id}`]) {
      expect(tokens.idOf(text)).toBeNull();
    }
  });
});
