import { Component, type ReactNode } from 'react'
import { Failure } from '../parts/states.tsx'

interface Props {
  readonly children: ReactNode
  /** Another place is another try. As a `key` it would build a page anew that is about to be left. */
  readonly place: string
}
interface State {
  readonly thrown: unknown
}

/** A page that breaks leaves the rest standing. React asks for a class here. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { thrown: null }

  static getDerivedStateFromError(thrown: unknown): State {
    return { thrown }
  }

  override componentDidUpdate(before: Props): void {
    if (before.place !== this.props.place && this.state.thrown !== null)
      this.setState({ thrown: null })
  }

  override render(): ReactNode {
    const { thrown } = this.state
    if (thrown === null) return this.props.children
    return <Failure error={thrown} onRetry={() => this.setState({ thrown: null })} />
  }
}
