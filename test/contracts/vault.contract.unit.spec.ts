import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Vault } from '@daybook/kernel/ports/outside.ts';
import { failingClauses, registerContract } from './contract.ts';
import { vaultClauses } from './vault.contract.ts';

registerContract('vault', 'memory', vaultClauses, () => {
  const vault = memoryVault();
  return Promise.resolve({ port: { vault, another: () => vault }, close: () => Promise.resolve() });
});

type Break = (vault: Vault) => Partial<Vault>;

const encode = (text: string): string => Buffer.from(text).toString('base64url');

/** Vaults that break one promise each, and the clause that must notice. */
const broken: readonly Readonly<{ name: string; clause: string; breaks: Break }>[] = [
  {
    name: 'forgets to erase',
    clause: 'erases',
    breaks: () => ({ erase: () => Promise.resolve() }),
  },
  {
    name: 'trusts whatever looks sealed',
    clause: 'seals-look-alikes',
    breaks: (vault) => ({
      seal: async (owner, plain) => (plain.startsWith('sealed:') ? plain : vault.seal(owner, plain)),
    }),
  },
  {
    name: 'seals what is sealed again',
    clause: 'leaves-sealed-values',
    breaks: (vault) => ({
      seal: (owner, plain) => vault.seal(owner, plain.startsWith('sealed:') ? ` ${plain}` : plain),
    }),
  },
  {
    name: 'encodes instead of encrypting',
    clause: 'hides-the-plain-value',
    breaks: () => ({
      seal: (owner, plain) => Promise.resolve(`sealed:v1:${owner.kind}:${owner.id}:${encode(plain)}`),
      open: (sealed) =>
        Promise.resolve(Buffer.from(sealed.slice(sealed.lastIndexOf(':') + 1), 'base64url').toString()),
    }),
  },
  {
    name: 'opens damaged values as empty text',
    clause: 'refuses-tampering',
    breaks: (vault) => ({ open: (sealed) => vault.open(sealed).catch(() => '') }),
  },
  {
    name: 'does not bind the owner',
    clause: 'binds-the-owner',
    breaks: (vault) => {
      const made = new Map<string, string>();
      return {
        seal: async (owner, plain) => {
          const sealed = await vault.seal(owner, plain);
          made.set(sealed.slice(sealed.lastIndexOf(':')), sealed);
          return sealed;
        },
        open: (sealed) => vault.open(made.get(sealed.slice(sealed.lastIndexOf(':'))) ?? sealed),
      };
    },
  },
  {
    name: 'revives an erased owner',
    clause: 'stays-erased',
    breaks: () => {
      let vault = memoryVault();
      return {
        seal: (owner, plain) => vault.seal(owner, plain),
        open: (sealed) => vault.open(sealed),
        erase: () => {
          vault = memoryVault();
          return Promise.resolve();
        },
      };
    },
  },
  {
    name: 'has one hash key for all purposes',
    clause: 'hashes-by-purpose',
    breaks: () => ({ hash: (_, value) => createHash('sha256').update(value).digest('hex') }),
  },
  {
    name: 'refuses to open anything',
    clause: 'opens-what-it-sealed',
    breaks: () => ({ open: () => Promise.reject(new DaybookError('key-unknown', 'No.')) }),
  },
];

describe('broken vaults are caught', () => {
  test.each(broken)('$name', async ({ clause, breaks }) => {
    const failing = await failingClauses(vaultClauses, () => {
      const whole = memoryVault();
      const vault = { ...whole, ...breaks(whole) };
      return Promise.resolve({ port: { vault, another: () => vault }, close: () => Promise.resolve() });
    });
    expect(failing).toContain(clause);
  });

  test('processes that make keys of their own', async () => {
    const failing = await failingClauses(vaultClauses, () =>
      Promise.resolve({
        port: { vault: memoryVault(), another: () => memoryVault() },
        close: () => Promise.resolve(),
      }),
    );
    expect(failing).toContain('agrees-on-one-key');
  });
});
