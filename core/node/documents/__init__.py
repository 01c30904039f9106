"""Documents of accounts: kept, spread, and compared with neighbours', so that each is the same at every server"""
