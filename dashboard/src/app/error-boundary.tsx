import { Component, type ReactNode } from 'react'
import { Failure } from '../parts/states.tsx'

interface State {
  readonly thrown: unknown
}

/** A page that breaks leaves the rest standing. React asks for a class here. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { thrown: null }

  static getDerivedStateFromError(thrown: unknown): State {
    return { thrown }
  }

  override render(): ReactNode {
    const { thrown } = this.state
    if (thrown === null) return this.props.children
    return <Failure error={thrown} onRetry={() => this.setState({ thrown: null })} />
  }
}
