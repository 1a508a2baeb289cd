/** Links that show a dashboard to whoever has them: made, shown once, ended. */
import { useState } from 'preact/hooks';
import { CopyButton } from '../kit/copy-button.tsx';
import { moment, wholeMoment } from '../kit/format.ts';
import { newSecret } from '../saved/by-chance.ts';
import type { Share } from '../saved/dashboard-answers.ts';
import { END_SHARE, SHARE } from '../saved/dashboard-documents.ts';
import { NameField } from '../saved/name-field.tsx';
import { Refused } from '../server/quality.tsx';
import { useCommand } from '../server/use-command.ts';
import { SHARED_PATH } from './shared-link.ts';

export interface SharesSectionProps {
  readonly dashboard: string;
  readonly shares: readonly Share[];
}

export function SharesSection({ dashboard, shares }: SharesSectionProps) {
  const { run, isRunning, error } = useCommand();
  return (
    <section class="section" aria-labelledby="shares-title">
      <h2 id="shares-title">Links</h2>
      <p>
        Who has a link sees the panels of this dashboard, live and without signing in, and can ask
        nothing else.
      </p>
      {error && <Refused error={error} />}
      {shares.length === 0 && <p class="quiet">No link shows it.</p>}
      <ul class="rows">
        {shares.map(({ id, name, createdAt }) => (
          <li key={id}>
            <b class="grow">{name}</b>
            <span class="quiet" title={wholeMoment(createdAt)}>
              made {moment(createdAt)}
            </span>
            <button type="button" disabled={isRunning} onClick={() => void run(END_SHARE, { id })}>
              End<span class="unseen"> {name}</span>
            </button>
          </li>
        ))}
      </ul>
      <NewShare dashboard={dashboard} />
    </section>
  );
}

/** Made once, also where the answer is not heard and somebody asks again. */
const newWish = () => ({ name: '', secret: newSecret() });

function NewShare({ dashboard }: Pick<SharesSectionProps, 'dashboard'>) {
  const { run, isRunning, error } = useCommand();
  const [{ name, secret }, setWish] = useState(newWish);
  const [made, setMade] = useState<string>();
  const make = async (event: Event) => {
    event.preventDefault();
    if ((await run(SHARE, { id: dashboard, name, secret })) === undefined) return;
    setMade(secret);
    setWish(newWish);
  };
  const link = `${location.origin}${SHARED_PATH}#${made}`;
  return (
    <>
      <form class="choices" onSubmit={(event) => void make(event)}>
        <NameField
          label="Whom it is for"
          value={name}
          change={(next) => setWish({ ...newWish(), name: next })}
          placeholder="The team's screen"
        />
        <button type="submit" disabled={isRunning}>
          Make a link
        </button>
      </form>
      {error && <Refused error={error} />}
      {made !== undefined && (
        <>
          <p>This is the link. It is shown now and never again:</p>
          <textarea class="code" readOnly rows={2} aria-label="The link" value={link} />
          <p class="actions">
            <CopyButton text={() => link}>Copy the link</CopyButton>{' '}
            <a href={link} target="_blank" rel="noreferrer">
              Open it
            </a>
          </p>
        </>
      )}
    </>
  );
}
