"""Who did what, when and from where: a chain of rows that nobody changes unnoticed."""
