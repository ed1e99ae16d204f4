import assert from 'node:assert/strict';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { erased, isSealed, type KeyOwner, type Vault } from '@daybook/kernel/ports/outside.ts';
import type { Clause } from './contract.ts';

/** A vault, and another one over the same data keys, as a second process has it. */
export type VaultSubject = Readonly<{ vault: Vault; another: () => Vault }>;

const ada: KeyOwner = { kind: 'subject', id: 'user-ada' };
const ben: KeyOwner = { kind: 'subject', id: 'user-ben' };

async function refusesToOpen(vault: Vault, sealed: string): Promise<void> {
  await assert.rejects(vault.open(sealed), (error) => isDaybookError(error, 'key-unknown'));
}

/** The promises of the `Vault` port. */
export const vaultClauses: readonly Clause<VaultSubject>[] = [
  {
    name: 'opens-what-it-sealed',
    sentence: 'what was sealed opens to the same text, empty, long and in any script',
    run: async ({ vault }) => {
      for (const plain of ['ada@example.org', '', 'Ada ✓ 李 🎉', 'x'.repeat(100_000)]) {
        assert.equal(await vault.open(await vault.seal(ada, plain)), plain);
      }
    },
  },
  {
    name: 'hides-the-plain-value',
    sentence: 'the sealed form is recognised, names its owner and holds nothing of the plain value',
    run: async ({ vault }) => {
      const sealed = await vault.seal(ada, 'ada@example.org');
      assert.ok(isSealed(sealed));
      assert.ok(sealed.startsWith('sealed:v1:subject:user-ada:'));
      const box = sealed.slice(sealed.lastIndexOf(':') + 1);
      assert.ok(!Buffer.from(box, 'base64url').toString('latin1').includes('ada@'));
    },
  },
  {
    name: 'never-seals-the-same-twice',
    sentence: 'equal values have different sealed forms, so that nobody can compare them',
    run: async ({ vault }) => {
      assert.notEqual(await vault.seal(ada, 'same'), await vault.seal(ada, 'same'));
    },
  },
  {
    name: 'leaves-sealed-values',
    sentence: 'a value that is sealed for this owner is returned as it is',
    run: async ({ vault }) => {
      const sealed = await vault.seal(ada, 'ada@example.org');
      assert.equal(await vault.seal(ada, sealed), sealed);
    },
  },
  {
    name: 'seals-look-alikes',
    sentence: 'text that only looks sealed, or is sealed for another, is sealed like any other text',
    run: async ({ vault }) => {
      const foreign = await vault.seal(ben, 'of ben');
      const lookAlike = 'sealed:v1:subject:user-ada:bm90IHNlYWxlZCBhdCBhbGwsIGp1c3QgdHlwZWQ';
      for (const typed of [foreign, lookAlike, 'sealed:', 'sealed:v1:subject:user-ada:']) {
        const sealed = await vault.seal(ada, typed);
        assert.notEqual(sealed, typed);
        assert.equal(await vault.open(sealed), typed);
      }
    },
  },
  {
    name: 'refuses-tampering',
    sentence: 'a value with any character changed, cut or added does not open',
    run: async ({ vault }) => {
      const sealed = await vault.seal(ada, 'ada@example.org');
      const box = sealed.lastIndexOf(':') + 1;
      for (let at = box; at < sealed.length - 1; at += 1) {
        const other = sealed[at] === 'A' ? 'B' : 'A';
        await refusesToOpen(vault, sealed.slice(0, at) + other + sealed.slice(at + 1));
      }
      await refusesToOpen(vault, sealed.slice(0, -4));
      await refusesToOpen(vault, `${sealed}AAAA`);
      await refusesToOpen(vault, sealed.slice(0, box));
      await refusesToOpen(vault, 'ada@example.org');
    },
  },
  {
    name: 'binds-the-owner',
    sentence: 'a sealed value does not open under the name of another owner',
    run: async ({ vault }) => {
      await vault.seal(ben, 'of ben');
      const sealed = await vault.seal(ada, 'of ada');
      await refusesToOpen(vault, sealed.replace('user-ada', 'user-ben'));
      await refusesToOpen(vault, sealed.replace('subject', 'tenant'));
      await refusesToOpen(vault, sealed.replace('user-ada', 'user-nobody'));
    },
  },
  {
    name: 'keeps-owner-kinds-apart',
    sentence: 'a person, a tenant and the installation of one id are three owners, and any id will do',
    run: async ({ vault }) => {
      const kinds = ['subject', 'tenant', 'system'] as const;
      const id = 'a:b/c %25 ü';
      const sealed = await Promise.all(kinds.map((kind) => vault.seal({ kind, id }, kind)));
      await vault.erase({ kind: 'tenant', id });
      assert.deepEqual(await Promise.all(sealed.map((value) => vault.open(value))), [
        'subject',
        erased,
        'system',
      ]);
    },
  },
  {
    name: 'erases',
    sentence: 'once a key is destroyed everything sealed for its owner opens as erased, others do not',
    run: async ({ vault }) => {
      const [ofAda, ofBen] = [await vault.seal(ada, 'of ada'), await vault.seal(ben, 'of ben')];
      await vault.erase(ada);
      await vault.erase(ada);
      assert.equal(await vault.open(ofAda), erased);
      assert.equal(await vault.open(ofBen), 'of ben');
    },
  },
  {
    name: 'stays-erased',
    sentence:
      'what is sealed for an erased owner later, or for one erased before its first value, is erased too',
    run: async ({ vault, another }) => {
      const before = await vault.seal(ada, 'before');
      await vault.erase(ada);
      await vault.erase(ben);
      for (const sealed of [await vault.seal(ada, 'after'), await vault.seal(ben, 'first'), before]) {
        assert.ok(isSealed(sealed));
        assert.equal(await vault.open(sealed), erased);
        assert.equal(await another().open(sealed), erased);
      }
    },
  },
  {
    name: 'agrees-on-one-key',
    sentence: 'first values sealed at the same time by several processes all open everywhere',
    run: async ({ vault, another }) => {
      const vaults = [vault, another(), another()];
      const sealed = await Promise.all(
        Array.from({ length: 30 }, (_, n) => (vaults[n % 3] ?? vault).seal(ada, `value ${String(n)}`)),
      );
      for (const reader of vaults) {
        const opened = await Promise.all(sealed.map((value) => reader.open(value)));
        assert.deepEqual(
          opened,
          sealed.map((_, n) => `value ${String(n)}`),
        );
      }
    },
  },
  {
    name: 'hashes-by-purpose',
    sentence: 'hashes are 64 hexadecimal digits, equal in every process, and differ by value and by purpose',
    run: async ({ vault, another }) => {
      const hash = vault.hash('email-address', 'ada@example.org');
      assert.match(hash, /^[0-9a-f]{64}$/);
      assert.equal(another().hash('email-address', 'ada@example.org'), hash);
      assert.notEqual(vault.hash('email-address', 'ben@example.org'), hash);
      assert.notEqual(vault.hash('verification-token', 'ada@example.org'), hash);
      await Promise.resolve();
    },
  },
];
