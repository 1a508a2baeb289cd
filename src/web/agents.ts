/** What a `User-Agent` says: browser, system, kind of device, and whether it is a program rather than a person. */
import Bowser from 'bowser';
import { isbot, isbotMatch } from 'isbot';
import { AGENTS_KNOWN_MAX } from './limits.ts';

export interface AgentFields {
  readonly browser?: string;
  readonly browser_version?: string;
  readonly os?: string;
  readonly os_version?: string;
  readonly device_type?: string;
  readonly bot: boolean;
}

/** Parsing takes some 70 us, and agents repeat: those seen last are remembered. */
export class Agents {
  /** The longest unseen first. */
  readonly #known = new Map<string, AgentFields>();
  readonly #knownMax: number;

  constructor(knownMax = AGENTS_KNOWN_MAX) {
    this.#knownMax = knownMax;
  }

  fieldsOf(agent: string): AgentFields {
    const known = this.#known.get(agent);
    if (known !== undefined) {
      this.#known.delete(agent);
      this.#known.set(agent, known);
      return known;
    }
    const fields = parseAgent(agent);
    if (this.#known.size >= this.#knownMax) {
      this.#known.delete(this.#known.keys().next().value as string);
    }
    this.#known.set(agent, fields);
    return fields;
  }
}

/** Every browser says who it is: who says nothing is a program. */
const NAMELESS: AgentFields = { device_type: 'bot', bot: true };

function parseAgent(agent: string): AgentFields {
  if (agent === '') return NAMELESS;
  const { browser, os, platform } = Bowser.parse(agent);
  const bot = platform.type === 'bot' || isbot(agent);
  return {
    ...known('browser', browser.name || (bot ? programName(agent) : undefined)),
    ...known('browser_version', browser.version?.split('.', 1)[0]),
    ...known('os', os.name),
    ...known('os_version', os.version?.split('.', 2).join('.')),
    ...known('device_type', bot ? 'bot' : platform.type),
    bot,
  };
}

/** `curl/8.5.0` is curl. */
const programName = (agent: string): string | undefined => isbotMatch(agent)?.split('/', 1)[0];

const known = <Name extends string>(name: Name, value: string | undefined) =>
  value === undefined || value === '' ? {} : ({ [name]: value } as Record<Name, string>);
