import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { parse } from 'yaml';
import { createPost } from '../../src/http/outbound.ts';
import { startDispatcher } from '../../src/webhooks/deliver.ts';
import { testEncryption } from '../helpers/app.ts';
import { type Console, openConsole, readDownload } from '../helpers/console.ts';
import { type Received, startReceiver } from '../helpers/receiver.ts';

// The catalogue leaves as YAML and comes back changed: each test goes on where the one before it ended.

let its: Console;
beforeAll(async () => {
  its = await openConsole();
});
afterAll(() => its?.close());

const yaml = `features:
  - { id: api-calls, name: API calls, type: COUNTED }
packages:
  published:
    - id: pro
      name: Pro
      features: [{ id: api-calls, limit: 1000, reset_period: MONTH }]
`;
const area = () => its.page.getByLabel('Features and packages as YAML');
const click = (name: string) => its.page.getByRole('button', { name, exact: true }).click();

it('tells what is wrong with a file, and goes to the line', async () => {
  const { page } = its;
  await page.getByRole('link', { name: 'Configuration', exact: true }).click();
  await page.getByRole('link', { name: 'Catalogue', exact: true }).click();
  await page.waitForURL(`${its.app.url}/test/configuration/catalogue`);
  await area().fill(yaml);
  await click('Preview');
  await page.getByText('must be CONSUMABLE or BINARY').waitFor();
  await its.look('catalogue-problem');
  await click('Line 2');
  const selected = await area().evaluate('this.document.activeElement.selectionStart');
  expect(selected).toBe('features:\n'.length);
});

it('spells out what publishing would do, and changes nothing', async () => {
  const { page } = its;
  await area().fill(yaml.replace('COUNTED', 'CONSUMABLE'));
  await click('Preview');
  const plan = page.getByRole('status', { name: 'Preview' });
  await plan.getByText('New published package "pro".').waitFor();
  await plan.getByText('"api-calls": 1000 a month').waitFor();
  await plan.getByText('Permanent').waitFor();
  expect(await its.app.ok('{ features { id } }')).toEqual({ features: [] });
  await its.look('catalogue');
});

it('publishes after saying what cannot be undone', async () => {
  const { page } = its;
  await page.getByRole('button', { name: 'Publish: the file' }).click();
  await page.getByRole('dialog').getByText('1 package will be published. That cannot be undone').waitFor();
  await its.look('catalogue-publish');
  await page.getByRole('dialog').getByRole('button', { name: 'Publish' }).click();
  await page.getByText('Nothing to publish').waitFor();
  expect(await its.app.ok('{ packages { id status } }')).toEqual({
    packages: [{ id: 'pro', status: 'PUBLISHED' }],
  });
});

it('what cannot be done needs a second yes', async () => {
  const { page } = its;
  await click('Load the current catalogue');
  const present = await area().inputValue();
  // The published base package as an add-on, and another name.
  const swapped: Record<string, string> = { 'packages:': 'addons:', 'addons:': 'packages:' };
  const changed = present.replaceAll(/^(packages|addons):/gm, (key) => swapped[key] ?? key);
  await area().fill(changed.replace('name: API calls', 'name: Calls to the API'));
  await click('Preview');
  await page.getByRole('heading', { name: 'Refused (1)' }).waitFor();
  await its.look('catalogue-refused');
  await page.getByRole('button', { name: 'Publish: the file' }).click();
  const submit = page.getByRole('dialog').getByRole('button', { name: 'Publish' });
  expect(await submit.isDisabled()).toBe(true);
  await page
    .getByRole('dialog')
    .getByLabel(/^Publish the rest/)
    .check();
  await submit.click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  expect(await its.app.ok('{ features { name } package(id: "pro") { isAddon } }')).toEqual({
    features: [{ name: 'Calls to the API' }],
    package: { isAddon: false },
  });
});

it('does nothing when the catalogue has changed since the preview', async () => {
  const { page, app } = its;
  await area().fill('features:\n  - { id: api-calls, name: Requests, type: CONSUMABLE }\npackages: {}\n');
  await click('Preview');
  await page.getByText('name "Calls to the API" becomes "Requests"').waitFor();
  await page.getByRole('button', { name: 'Publish: the file' }).click();
  await app.ok('mutation { createFeature(input: { id: "sso", type: BINARY }) { id } }');
  await page
    .getByRole('dialog')
    .getByLabel(/^Publish the rest/)
    .check();
  await page.getByRole('dialog').getByRole('button', { name: 'Publish' }).click();
  await page.getByText('has changed since the preview').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Feature "sso" is not in the file.').waitFor();
  expect((await app.ok('{ feature(id: "api-calls") { name } }')).feature).toEqual({
    name: 'Calls to the API',
  });
});

it('saves the current catalogue', async () => {
  const { page } = its;
  const [file] = await Promise.all([page.waitForEvent('download'), click('Download')]);
  expect(file.suggestedFilename()).toBe('kana.dev.yaml');
  expect(parse(await readDownload(file)).features).toContainEqual({
    id: 'api-calls',
    name: 'Calls to the API',
    type: 'CONSUMABLE',
  });
});

it('edits a webhook, rotates its secret, and sends again what was dead', async () => {
  const { page, app } = its;
  const { work: pool, isBusy } = app.database;
  const log = pino({ level: 'silent' });
  const receiver = await startReceiver();
  const other = await startReceiver();
  const sending = {
    pool,
    isBusy,
    log,
    encryption: testEncryption,
    post: createPost(true),
    sendMail: null,
    intervalMs: 20,
  };
  const dispatcher = startDispatcher(sending);
  const dialog = page.getByRole('dialog');
  const shown = page.getByRole('region', { name: 'Deliveries of the webhook' });
  const readSecret = async () => {
    const secret = await page
      .getByRole('status')
      .getByText(/^whsec_/)
      .innerText();
    await click('Hide the secret');
    return secret;
  };
  try {
    await page.getByRole('link', { name: 'Webhooks', exact: true }).click();
    await page.getByText('No webhooks yet').waitFor();
    await its.look('webhooks-empty');
    await click('New webhook');
    await dialog.getByLabel('Address').fill(other.url);
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    const first = await readSecret();

    await click(`Edit: ${other.url}`);
    await dialog.getByLabel('Address').fill(receiver.url);
    await dialog.getByRole('switch', { name: 'Send personal data' }).check();
    await dialog.getByRole('combobox', { name: 'Events' }).fill('user.created');
    await page.getByText('A user appeared').waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.getByRole('option').first().waitFor({ state: 'hidden' });
    await its.look('webhook-edit');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('*, user.created').waitFor();

    await click(`Rotate: ${receiver.url}`);
    await dialog.getByRole('button', { name: 'Make a new secret' }).click();
    const second = await readSecret();
    expect(second).not.toBe(first);
    await page.getByText('Old secret signs too until').waitFor();

    receiver.answerWith((_message, response) => response.writeHead(500).end('out of order'));
    await click(`Test: ${receiver.url}`);
    await shown.getByText('500 out of order').waitFor();
    const [message] = (await receiver.count(1)) as [Received];
    const headers = message.headers as Record<string, string>;
    for (const secret of [first, second]) new Webhook(secret).verify(message.body, headers);
    await shown.getByRole('button', { name: 'webhook.test', exact: true }).click();
    await dialog.getByText(`webhook-id: ${headers['webhook-id']}`).waitFor();
    await dialog.getByText('Answer: 500').waitFor();
    await its.look('webhook-delivery');
    await page.keyboard.press('Escape');

    // Given up: three days pass for this delivery.
    await pool.query("update webhook_delivery set state = 'DEAD'");
    await shown.getByText('Dead', { exact: true }).first().click();
    await shown.getByRole('button', { name: 'Send again: webhook.test' }).waitFor();
    receiver.answerWith((_message, response) => response.writeHead(204).end());
    await pool.query('update webhook set paused_until = null');
    await click('Send several again');
    await its.look('webhook-span');
    await dialog.getByRole('button', { name: 'Send again' }).click();
    await shown.getByText('Sent again: 1 delivery').waitFor();
    await shown.getByText('Delivered', { exact: true }).first().click();
    await shown.getByText('204', { exact: true }).waitFor();
    await its.look('webhooks');
    await page.setViewportSize({ width: 390, height: 844 });
    await its.look('webhooks-narrow');
    await page.setViewportSize({ width: 1280, height: 800 });

    // An outage: what waits for its next attempt is what is offered, and is sent at once.
    await app.ok('mutation { createUser(input: { id: "ada" }) { id } }');
    await shown.getByText('ada', { exact: true }).waitFor();
    await pool.query(
      "update webhook_delivery set state = 'PENDING', next_attempt_at = now() + interval '4 hours'",
    );
    await click('Send several again');
    await dialog
      .getByRole('combobox', { name: 'State' })
      .and(page.locator('[value="Waiting (2)"]'))
      .waitFor();
    await dialog.getByRole('button', { name: 'Send again' }).click();
    await shown.getByText('Sent again: 2 deliveries').waitFor();
    await receiver.count(5);

    const { length } = receiver.received;
    await shown.getByRole('button', { name: 'Send again: webhook.test' }).click();
    const again = await receiver.count(length + 1);
    const tests = again.filter(({ payload }) => payload.type === 'webhook.test');
    expect(new Set(tests.map((each) => each.headers['webhook-id'])).size).toBe(1);
    expect(other.received).toEqual([]);
  } finally {
    await dispatcher.stop();
    await receiver.close();
    await other.close();
  }
});

it('no page has a barrier that axe knows', () => expect(its.barriers).toEqual([]));
it('nothing went wrong in the browser on the way', () => expect(its.faults).toEqual([]));
