import { describe, expect, test } from '@jest/globals';
import type { CommandResult } from '@daybook/kernel/ports/outside.ts';
import { commandHouse, type CommandHouse } from '@daybook/test/support/command-house.ts';

const hour = 3_600_000;
const ada = {
  email: 'Ada@Example.org',
  name: 'Ada Lovelace',
  business_name: 'Test Shop',
  intent: 'watch prices',
};

function answerOf(result: CommandResult): Record<string, string> {
  if (!result.ok) throw new Error(`${result.rejection.code}: ${result.rejection.detail}`);
  return result.answer as Record<string, string>;
}

async function tokenOf(house: CommandHouse, input: object = ada): Promise<string> {
  const { token } = answerOf(await house.send('RequestSignup', input, { tenantId: 'public' }));
  return token ?? '';
}

const verify = (house: CommandHouse, token: string, more: object = {}) =>
  house.send('VerifySignup', { token }, { tenantId: 'public', ...more });

const refusal = (result: CommandResult): string => (result.ok ? 'accepted' : result.rejection.code);

async function typesOf(house: CommandHouse): Promise<readonly string[]> {
  return (await house.events()).map(({ type }) => type);
}

describe('sign-up', () => {
  test.each(['Ada\nLovelace', 'Ada\u001b[2J', 'Ada\u009b', 'Ada\u202e'])(
    'takes no name that is not one plain line: %j',
    async (name) => {
      const house = commandHouse();
      for (const odd of [{ name }, { business_name: name }]) {
        const result = await house.send('RequestSignup', { ...ada, ...odd }, { tenantId: 'public' });
        expect(refusal(result)).toBe('input-invalid');
      }
      const skip = { parkedId: 'message-1', reason: name };
      expect(refusal(await house.send('SkipParked', skip))).toBe('input-invalid');
    },
  );

  test('answers as the contract says and keeps nothing readable', async () => {
    const house = commandHouse();
    const answer = answerOf(await house.send('RequestSignup', ada, { tenantId: 'public' }));
    expect(answer).toEqual({
      token: expect.any(String),
      message: expect.any(String),
      email: 'Ada@Example.org',
    });
    const [event] = await house.events();
    expect(event?.metadata.tenantId).toMatch(/^test-shop-[0-9a-f]{6}$/);
    const stored = JSON.stringify(event).toLowerCase();
    for (const secret of ['ada@example.org', 'lovelace', answer['token'] ?? '']) {
      expect(stored).not.toContain(secret);
    }
  });

  test('tells no token in production, and one address may sign up any number of times', async () => {
    const house = commandHouse({ revealsMailedTokens: false });
    for (let n = 0; n < 3; n += 1) {
      const answer = answerOf(await house.send('RequestSignup', ada, { tenantId: 'public' }));
      expect(Object.keys(answer)).toEqual(['message', 'email']);
    }
  });

  test('repeated with the same command id gives the same token and records nothing more', async () => {
    const house = commandHouse();
    const once = { tenantId: 'public', commandId: '6d9e3c0e-3f43-4ad0-8a3b-5f2b8d0c1a11' };
    const first = await house.send('RequestSignup', ada, once);
    house.letPass(hour);
    expect(await house.send('RequestSignup', ada, once)).toEqual(first);
    expect(await typesOf(house)).toEqual(['SignupRequested']);
  });

  test.each([
    { ...ada, email: 'nobody' },
    { ...ada, name: ' ' },
    { ...ada, plan: 'free' },
    { email: ada.email },
  ])('refuses %j', async (input) => {
    expect(refusal(await commandHouse().send('RequestSignup', input))).toBe('input-invalid');
  });
});

describe('verification', () => {
  test('answers as the contract says, and reserves address and tenant ahead', async () => {
    const house = commandHouse();
    const answer = answerOf(await verify(house, await tokenOf(house)));
    expect(answer).toEqual({
      jwt: expect.stringMatching(/^jwt of user-[0-9a-f]{10} owner test-shop-[0-9a-f]{6}$/),
      token: answer['jwt'],
      tenant_id: expect.stringMatching(/^test-shop-[0-9a-f]{6}$/),
      workspace_id: expect.stringMatching(/^proj-[0-9a-f]{8}$/),
      user: {
        id: expect.stringMatching(/^user-[0-9a-f]{10}$/),
        email: 'Ada@Example.org',
        name: 'Ada Lovelace',
        tenant_id: answer['tenant_id'],
      },
    });
    expect(await typesOf(house)).toEqual([
      'SignupRequested',
      'EmailAddressReserved',
      'TenantProvisioned',
      'SignupVerified',
    ]);
    const tenants = (await house.events()).map(({ metadata }) => metadata.tenantId);
    expect(tenants).toEqual([answer['tenant_id'], 'system', answer['tenant_id'], answer['tenant_id']]);
  });

  test('a repeated delivery is answered again; another one finds the token used', async () => {
    const house = commandHouse();
    const token = await tokenOf(house);
    const once = { commandId: '7d9e3c0e-3f43-4ad0-8a3b-5f2b8d0c1a11' };
    const first = await verify(house, token, once);
    expect(await verify(house, token, once)).toEqual(first);
    expect(refusal(await verify(house, token))).toBe('token-used');
  });

  test('a wrong secret is recorded, refused, and locks the token at last', async () => {
    const house = commandHouse();
    const token = await tokenOf(house);
    const wrong = token.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    const once = { commandId: '8d9e3c0e-3f43-4ad0-8a3b-5f2b8d0c1a11' };
    expect(refusal(await verify(house, wrong, once))).toBe('token-invalid');
    expect(refusal(await verify(house, wrong, once))).toBe('token-invalid');
    for (let n = 0; n < 4; n += 1) expect(refusal(await verify(house, wrong))).toBe('token-invalid');
    expect(refusal(await verify(house, wrong))).toBe('token-locked');
    expect(refusal(await verify(house, token))).toBe('token-locked');
    expect((await typesOf(house)).filter((type) => type === 'VerificationFailed')).toHaveLength(5);
    expect(await typesOf(house)).not.toContain('EmailAddressReserved');
  });

  test('tokens that never were are refused and leave no trace', async () => {
    const house = commandHouse();
    for (const token of ['made-up', `${'0'.repeat(36)}.${'0'.repeat(32)}`]) {
      expect(refusal(await verify(house, token))).toBe('token-invalid');
    }
    expect(await house.events()).toEqual([]);
  });

  test('a token lives for a day', async () => {
    const house = commandHouse();
    const token = await tokenOf(house);
    house.letPass(24 * hour - 1);
    expect(refusal(await verify(house, token))).toBe('accepted');
    const late = await tokenOf(house, { ...ada, email: 'ben@example.org' });
    house.letPass(24 * hour);
    expect(refusal(await verify(house, late))).toBe('token-expired');
  });

  test('an address belongs to the first who verifies it, however it is spelled', async () => {
    const house = commandHouse();
    const [first, second] = [
      await tokenOf(house),
      await tokenOf(house, { ...ada, email: 'ADA@example.ORG' }),
    ];
    expect(refusal(await verify(house, second))).toBe('accepted');
    expect(refusal(await verify(house, first))).toBe('email-taken');
    expect((await typesOf(house)).filter((type) => type === 'SignupVerified')).toHaveLength(1);
  });
});

describe('provisioning', () => {
  test('its commands record what a new tenant finds, once', async () => {
    const house = commandHouse();
    const sealed = await house.vault.seal({ kind: 'subject', id: 'user-0123456789' }, 'ada@example.org');
    const commands: readonly (readonly [string, object])[] = [
      ['ProvisionWorkspace', { workspaceId: 'proj-01234567', name: 'Default' }],
      ['RegisterUser', { userId: 'user-0123456789', email: sealed, name: 'Ada', role: 'owner' }],
      ['ReserveEmailAddress', { addressHash: 'aa', holder: 'user-0123456789' }],
      ['ConfirmEmailAddress', { addressHash: 'aa', holder: 'user-0123456789' }],
      ['ReleaseEmailAddress', { addressHash: 'aa', holder: 'user-0123456789', reason: 'expired' }],
    ];
    for (const [command, input] of [...commands, ...commands]) {
      expect(refusal(await house.send(command, input))).toBe('accepted');
    }
    const events = await house.events();
    expect(events.map(({ type }) => type)).toEqual([
      'WorkspaceProvisioned',
      'UserRegistered',
      'EmailAddressReserved',
      'EmailAddressConfirmed',
    ]);
    expect((events[1]?.data as { email: string }).email).toBe(sealed);
  });
});
