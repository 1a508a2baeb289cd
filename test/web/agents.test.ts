import test from 'ava';
import { Agents } from '../../src/web/agents.ts';

const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';

/** Agent -> browser, its version, system, kind of device. */
const PEOPLE: Readonly<Record<string, readonly (string | undefined)[]>> = {
  [CHROME]: ['Chrome', '131', 'Windows', 'desktop'],
  [`${CHROME} Edg/130.0.2849.80`]: ['Microsoft Edge', '130', 'Windows', 'desktop'],
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1':
    ['Safari', '18', 'iOS', 'mobile'],
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0': [
    ...['Firefox', '132', 'macOS', 'desktop'],
  ],
  'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1':
    ['Chrome', '126', 'iOS', 'tablet'],
  'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0': [
    ...['Firefox', '133', 'Linux', 'desktop'],
  ],
};
for (const [agent, expected] of Object.entries(PEOPLE)) {
  test(`a person: ${agent}`, (t) => {
    const { browser, browser_version, os, device_type, bot } = new Agents().fieldsOf(agent);
    t.deepEqual([browser, browser_version, os, device_type], expected);
    t.false(bot);
  });
}

const BOTS: Readonly<Record<string, string | undefined>> = {
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)': 'Googlebot',
  'curl/8.5.0': 'curl',
  'python-requests/2.31': 'python-requests',
  [CHROME.replace('Chrome', 'HeadlessChrome')]: 'Chrome',
  '': undefined,
};
for (const [agent, browser] of Object.entries(BOTS)) {
  test(`a program: "${agent}"`, (t) => {
    t.like(new Agents().fieldsOf(agent), { browser, bot: true, device_type: 'bot' });
  });
}

test('an agent is parsed once while it is among those seen last', (t) => {
  const agents = new Agents(2);
  const first = agents.fieldsOf('curl/8.5.0');
  agents.fieldsOf(CHROME);
  t.is(agents.fieldsOf('curl/8.5.0'), first);
  agents.fieldsOf('');
  t.is(agents.fieldsOf('curl/8.5.0'), first);
  agents.fieldsOf(CHROME);
  agents.fieldsOf('');
  t.not(agents.fieldsOf('curl/8.5.0'), first);
});
