/** Whether what is shown goes on by itself. */
export function LiveDot({ state }: { readonly state: 'live' | 'paused' | 'away' }) {
  const text = { live: 'Live', paused: 'Paused', away: 'Reconnecting' }[state]
  return (
    <span className={`live ${state}`}>
      <i aria-hidden="true" />
      {text}
    </span>
  )
}
