"""The tests: a mirror of `crm/`, a standing cast, real browsers in `browser/`, promises over the whole app in `whole/`."""
