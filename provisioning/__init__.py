"""The site operator's side: certificates, rosters, invitations."""
