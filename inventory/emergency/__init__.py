"""Emergency plan 2 (系统应急方案二): seeing it come, deciding, acting, and keeping the record."""
