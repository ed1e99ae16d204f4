import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { must } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import type { Stage } from './stage.ts';

/** IDN-1, IDN-2, IDN-16, IDN-17. */
export function signUpSuite(stage: () => Stage): void {
  const signup = (email = `person-${randomUUID()}@example.com`) => ({
    email,
    name: 'Ada Person',
    business_name: 'Test Shop',
    intent: 'track_prices',
  });
  const request = (body: object) => stage().call('POST', '/v1/auth/signup', { body });
  const verify = (token: string) => stage().call('POST', '/v1/auth/verify', { body: { token } });

  describe('sign-up', () => {
    test('provisions tenant, workspace, owner and launch plan, and signs in at once', async () => {
      const body = signup();
      const { token } = must(await request(body), 201) as { token: string };
      const verified = must(await verify(token), 200) as Record<string, unknown>;
      expect(verified).toEqual({
        jwt: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        token: verified['jwt'],
        tenant_id: expect.stringMatching(/^test-shop-[0-9a-f]{6}$/),
        workspace_id: expect.stringMatching(/^proj-[0-9a-f]{8}$/),
        user: {
          id: expect.stringMatching(/^user-[0-9a-f]{10}$/),
          email: body.email,
          name: 'Ada Person',
          tenant_id: verified['tenant_id'],
        },
      });
      const headers = { authorization: `Bearer ${String(verified['jwt'])}` };
      await eventually(async () => {
        const timeline = must(await stage().call('GET', '/v1/events?limit=100', { headers }), 200) as {
          items: { type: string }[];
        };
        expect(timeline.items.map(({ type }) => type)).toEqual(
          expect.arrayContaining([
            'SignupVerified',
            'TenantProvisioned',
            'WorkspaceProvisioned',
            'PlanCreated',
          ]),
        );
      });
    });

    test('mails the token once, and names nobody in the log', async () => {
      const body = signup();
      const { token } = must(await request(body), 201) as { token: string };
      const mails = await eventually(async () => {
        const folder = join(stage().system.folder, 'mailbox');
        const files = (await readdir(folder)).filter((name) => name.endsWith('.eml'));
        const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
        const found = texts.filter((text) => text.includes(body.email));
        expect(found).toHaveLength(1);
        return found;
      });
      expect(mails[0]?.replaceAll(/=\r?\n/g, '')).toContain(token);
      expect(stage().system.output()).not.toContain(body.email);
      expect(stage().system.output()).not.toContain(token);
    });

    test('a token is good once, and a made-up one never', async () => {
      const { token } = must(await request(signup()), 201) as { token: string };
      must(await verify(token), 200);
      expect((await verify(token)).status).toBeGreaterThanOrEqual(400);
      expect((await verify('made-up')).status).toBe(401);
    });

    test('an address belongs to one account', async () => {
      const body = signup();
      const first = must(await request(body), 201) as { token: string };
      const second = must(await request({ ...body, email: body.email.toUpperCase() }), 201) as {
        token: string;
      };
      must(await verify(first.token), 200);
      expect((await verify(second.token)).status).toBe(409);
    });

    test('the keys of tokens are public', async () => {
      const keys = must(await stage().call('GET', '/.well-known/jwks.json'), 200) as {
        keys: Record<string, string>[];
      };
      expect(keys.keys[0]).toMatchObject({ kty: 'OKP', alg: 'EdDSA', kid: expect.any(String) });
      expect(keys.keys[0]).not.toHaveProperty('d');
    });

    test('forged and missing tokens are told apart from expired ones', async () => {
      const path = '/v1/market/products';
      const forged = await stage().call('GET', path, { token: 'a.b.c' });
      expect([forged.status, (forged.body as { detail: string }).detail]).toEqual([401, 'Invalid token']);
      expect((await stage().call('GET', path)).status).toBe(401);
      expect((await stage().call('POST', path, { body: {} })).status).toBe(401);
    });
  });
}
