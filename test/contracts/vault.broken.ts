import { createHash } from 'node:crypto';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Vault } from '@daybook/kernel/ports/outside.ts';
import type { Broken, Subject } from './contract.ts';
import type { VaultSubject } from './vault.contract.ts';

type Break = (vault: Vault) => Partial<Vault>;

const encode = (text: string): string => Buffer.from(text).toString('base64url');

const faults: readonly Readonly<{ name: string; clause: string; breaks: Break }>[] = [
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

/** Vaults that break one promise each, over the memory adapter. */
export const brokenVaults: readonly Broken<VaultSubject>[] = [
  ...faults.map(({ name, clause, breaks }) => ({
    name,
    clause,
    make: () => {
      const whole = memoryVault();
      const vault = { ...whole, ...breaks(whole) };
      return subject(vault, () => vault);
    },
  })),
  {
    name: 'makes keys of its own in each process',
    clause: 'agrees-on-one-key',
    make: () => subject(memoryVault(), () => memoryVault()),
  },
];

function subject(vault: Vault, another: () => Vault): Promise<Subject<VaultSubject>> {
  return Promise.resolve({ port: { vault, another }, close: () => Promise.resolve() });
}
