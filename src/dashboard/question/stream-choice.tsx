/** Which stream a view is of. */
export interface StreamChoiceProps {
  readonly stream: string;
  readonly streams: readonly string[];
  readonly choose: (stream: string) => void;
}

export const StreamChoice = ({ stream, streams, choose }: StreamChoiceProps) => (
  <label>
    Stream{' '}
    <select value={stream} onChange={({ currentTarget: { value } }) => choose(value)}>
      {[...new Set([...streams, stream])].map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  </label>
);
