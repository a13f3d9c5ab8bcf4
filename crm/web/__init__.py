"""The HTTP kernel: guards, forms, errors, paging, navigation, languages and headers. It knows no domain."""
